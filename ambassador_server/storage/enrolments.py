"""The repository of enrolments."""

from datetime import datetime

from sqlalchemy import delete

from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.storage.object_mappings import ENROLMENTS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.tables import enrolments
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_value


class EnrolmentRepository(TableRepository[Enrolment]):
    """Finds enrolments by the digest of their code, and deletes old ones."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, ENROLMENTS)

    async def by_digest(self, digest: bytes) -> Enrolment | None:
        """Return the enrolment whose code has this digest."""
        return await self._one(enrolments.c.digest == digest)

    async def forget(self, before: datetime) -> int:
        """Delete the enrolments that expired before a time, and return how many."""
        check_value(before, "before")
        return await self._change(delete(enrolments).where(enrolments.c.expires_at < before))
