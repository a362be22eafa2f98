"""The requests that the server has sent to the process, and the callers that wait for them."""

import asyncio

from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.clock import Clock
from ambassador_server.services.audit.log_indexing import IndexProgress


class Rounds:
    """Requests in the order of their numbers; the end of one is the end of all before it."""

    def __init__(self, progress: IndexProgress, clock: Clock) -> None:
        self.progress = progress
        self.failure: str | None = None
        self._clock = clock
        self._number = 0
        self._begun: dict[int, tuple[float, dict[str, LogPosition | None]]] = {}
        self._waiting: dict[int, asyncio.Future[bool]] = {}

    @property
    def waiting_since(self) -> float | None:
        """Return when the first round began that is not done."""
        return min((began for began, _ in self._begun.values()), default=None)

    def begin(self, ends: dict[str, LogPosition | None]) -> int:
        """Return the number of a new round with these ends."""
        self._number += 1
        self._begun[self._number] = (self._clock.monotonic(), ends)
        return self._number

    def end(self, number: int, failure: str | None) -> None:
        """Settle this round and all before."""
        begun = self._begun.get(number)
        if begun is not None and failure is None:
            self.progress.cover(begun[1], begun[0])
        self.failure = failure
        self._begun = {each: facts for each, facts in self._begun.items() if each > number}
        for each in [each for each in self._waiting if each <= number]:
            waiting = self._waiting.pop(each)
            if waiting.done():
                continue
            if failure is None:
                waiting.set_result(True)
            else:
                waiting.set_exception(AuditUnavailableError(failure))

    async def done(self, number: int) -> bool:
        """Wait for the end of a round; False if it was abandoned. Raises AuditUnavailableError if it failed."""
        waiting: asyncio.Future[bool]
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            return await waiting
        finally:
            self._waiting.pop(number, None)

    def abandon(self) -> None:
        """Settle all rounds, because no process answers them."""
        self._begun.clear()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(False)
        self._waiting.clear()
