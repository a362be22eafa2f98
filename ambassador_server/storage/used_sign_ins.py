"""The repository of ID tokens that were exchanged."""

from datetime import datetime

from sqlalchemy import delete

from ambassador_server.domain.people.used_sign_ins import UsedSignIn
from ambassador_server.storage.credential_tables import used_sign_ins
from ambassador_server.storage.object_mappings import USED_SIGN_INS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_value


class UsedSignInRepository(TableRepository[UsedSignIn]):
    """Keeps what was exchanged, and deletes what is too old to be exchanged."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, USED_SIGN_INS)

    async def forget(self, before: datetime) -> int:
        """Delete those that expired before a time, and return how many."""
        check_value(before, "before")
        return await self._change(delete(used_sign_ins).where(used_sign_ins.c.expires_at < before))
