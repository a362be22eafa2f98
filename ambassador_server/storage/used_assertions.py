"""The repository of identity assertions that were used; of many servers that add the same one, one succeeds."""

from datetime import datetime

from sqlalchemy import delete

from ambassador_server.domain.people.identity_assertions import UsedAssertion
from ambassador_server.storage.credential_tables import used_assertions
from ambassador_server.storage.object_mappings import USED_ASSERTIONS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_value


class UsedAssertionRepository(TableRepository[UsedAssertion]):
    """Implements `ports.repositories.UsedAssertionRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, USED_ASSERTIONS)

    async def forget(self, before: datetime) -> int:
        """Delete those that expired before a time, and return how many."""
        check_value(before, "before")
        return await self._change(delete(used_assertions).where(used_assertions.c.expires_at < before))
