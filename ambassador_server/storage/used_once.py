"""The repository of what was used once; of many servers that add the same use, one succeeds."""

from datetime import datetime

from sqlalchemy import delete

from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.storage.credential_tables import used_once
from ambassador_server.storage.object_mappings import USED_ONCE
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_value


class UsedOnceRepository(TableRepository[UsedOnce]):
    """Implements `ports.repositories.UsedOnceRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, USED_ONCE)

    async def forget(self, before: datetime) -> int:
        """Delete those that expired before a time, and return how many."""
        check_value(before, "before")
        return await self._change(delete(used_once).where(used_once.c.expires_at < before))
