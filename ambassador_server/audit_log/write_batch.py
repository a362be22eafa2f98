"""What `append` returns: the shared fate of everything appended in one turn of the event loop."""

import asyncio
from collections.abc import Generator
from typing import Any

from ambassador_server.errors import AuditUnavailableError


class WriteBatch:
    """Awaiting it returns when the batch is settled, or raises AuditUnavailableError.

    Each awaiter waits on a future of its own: cancelling one of them takes nothing from the others, and a
    batch nobody awaits leaves no future behind.
    """

    __slots__ = ("_failure", "_loop", "_settled", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] = []
        self._settled = False
        self._failure: str | None = None

    def settle(self, failure: str | None) -> None:
        """Wake everybody who waits: the records are written, or this is why not."""
        self._settled = True
        self._failure = failure
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def __await__(self) -> Generator[Any, None, None]:
        if not self._settled:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._failure is not None:
            raise AuditUnavailableError(self._failure)
