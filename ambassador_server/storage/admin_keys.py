"""The repository of admin keys and logins."""

from datetime import datetime

from sqlalchemy import delete, or_

from ambassador_server.domain.people.administrators import AdminKey
from ambassador_server.storage.object_mappings import ADMIN_KEYS
from ambassador_server.storage.repositories import NamedTableRepository
from ambassador_server.storage.tables import admin_keys
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_key, check_value


class AdminKeyRepository(NamedTableRepository[AdminKey]):
    """Finds admin keys by prefix, and deletes old logins."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, ADMIN_KEYS)

    async def by_prefix(self, prefix: str) -> list[AdminKey]:
        """Return the keys with this prefix, ordered by name."""
        check_key(prefix, "The prefix")
        return await self._select(admin_keys.c.prefix == prefix)

    async def forget_logins(self, before: datetime) -> int:
        """Delete the logins that expired or ended before a time, and return how many."""
        check_value(before, "before")
        over = or_(admin_keys.c.expires_at < before, admin_keys.c.revoked_at < before)
        return await self._change(delete(admin_keys).where(admin_keys.c.user_id.is_not(None), over))
