"""Joins small writes that wait at the same time into one transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from ambassador_server.errors import AmbassadorError, StorageError
from ambassador_server.ports.store import Store, UnitOfWork

_LARGEST = 64
"""So many writes share a transaction at most, because every other writer waits for it."""

Write = Callable[[UnitOfWork], Awaitable[None]]


@dataclass(eq=False, slots=True)
class _Waiting:
    write: Write
    is_done: bool = False
    error: AmbassadorError | None = None


class JoinedWrites:
    """Runs writes that need not be durable; a transaction costs more than the one row that each of them changes.

    There is no task of its own: the first that waits runs those that have come to wait behind it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def run(self, write: Write) -> None:
        """Return when the write is committed; raise what it raised, or StorageError if the transaction failed.

        A write that is refused does not undo the others of its transaction. If another caller is cancelled, the write
        may run again, in the next transaction.
        """
        waiting = _Waiting(write)
        self._queue.append(waiting)
        try:
            async with self._turn:
                if not waiting.is_done:
                    await self._run_waiting()
        finally:
            with suppress(ValueError):
                self._queue.remove(waiting)
        if waiting.error is not None:
            raise waiting.error

    async def _run_waiting(self) -> None:
        together = self._queue[:_LARGEST]
        try:
            async with self._store.write(durable=False) as work:
                for each in together:
                    each.error = await _run(each.write, work)
        except StorageError as error:
            for each in together:
                each.error = error
        for each in together:
            each.is_done = True
        # A caller that was cancelled meanwhile has left the queue itself.
        self._queue = [each for each in self._queue if not each.is_done]


async def _run(write: Write, work: UnitOfWork) -> AmbassadorError | None:
    try:
        await write(work)
    except StorageError:
        raise
    except AmbassadorError as refused:
        return refused
    return None
