"""The counters of limits, as a port: in memory each server counts for itself; a shared store can implement it, too."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ambassador_server.domain.policy.limits import AppliedLimit, Limit, LimitUse


class Waiting(NamedTuple):
    """The limit for which a call has to wait longest, and how long."""

    limit: Limit
    seconds: int


class LimitCounters(Protocol):
    """Counts the calls of each limit."""

    def enter(self, limits: Sequence[AppliedLimit]) -> Waiting | None:
        """Count a call in all these limits and return None; or in none of them, and return what it waits for."""
        ...

    def leave(self, limits: Sequence[AppliedLimit]) -> None:
        """Count the end of a call that has entered with the same limits."""
        ...

    async def fullest(self, limits: Mapping[str, Limit], most: int) -> Sequence[LimitUse]:
        """Return the fullest counters of these limits, by id, the fullest first."""
        ...
