"""Joins reads of the same thing that are asked for at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class JoinedReads(Generic[K, T]):
    """Runs one read for all that wait for its key; it goes on if those that wait are cancelled."""

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    async def run(self, key: K, read: Callable[[], Awaitable[T]]) -> T:
        """Return what the read returns, or raise what it raises."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(_awaited(read))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: K, task: asyncio.Task[T]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # an error that is never retrieved would be logged


async def _awaited(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
