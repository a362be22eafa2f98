"""Lets things be used once, on all servers together: of many who use the same one, one succeeds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.errors import ConflictError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.shared.database_deadline import within_deadline

SLOW_CLOCKS: Final = timedelta(minutes=10)
"""How much longer a use is remembered, because the clock of another server may be behind that of this one."""


@dataclass(frozen=True, eq=False)
class SingleUse:
    """Keeps what was used until it has expired: assertions, and the states and codes of logins."""

    store: Store
    clock: Clock

    @within_deadline
    async def take(self, digest: str, expires_at: datetime) -> bool:
        """Note that something is used; False if it was before, here or on another server."""
        try:
            async with self.store.write() as work:
                await work.used_once.add(UsedOnce(use_id=digest, expires_at=expires_at))
        except ConflictError:
            return False
        return True

    async def forget_expired(self) -> None:
        """Forget what could not be used any more anyway."""
        async with self.store.write() as work:
            await work.used_once.forget(self.clock.now() - SLOW_CLOCKS)
