"""The awaitable that `append` returns: records of one turn of the event loop succeed or fail together."""

import asyncio
from collections.abc import Generator
from typing import Any

from ambassador_server.errors import AuditUnavailableError


class WriteBatch:
    """Records that are written together; awaiting it returns when they are, or raises AuditUnavailableError.

    Each awaiter has its own future, so cancelling one does not affect the others, and a batch that is never awaited
    leaves no future behind.
    """

    __slots__ = ("_failure", "_loop", "_settled", "_waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiters: list[asyncio.Future[None]] = []
        self._settled = False
        self._failure: str | None = None

    def settle(self, failure: str | None) -> None:
        """Wake every awaiter; `failure` says why the records are not written, None that they are."""
        self._settled = True
        self._failure = failure
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def __await__(self) -> Generator[Any, None, None]:
        if not self._settled:
            # The log writes at the next turn of the event loop, before this task continues: no future is needed.
            yield
        if not self._settled:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._failure is not None:
            raise AuditUnavailableError(self._failure)
