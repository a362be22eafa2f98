"""Ends the wait of a request for a database that hangs."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ambassador_server.errors import StorageError

DATABASE_SECONDS = 2.0

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")

_given_up: set[asyncio.Task[Any]] = set()


def within_deadline(
    method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make a method raise StorageError when it has waited for two seconds and nothing was done meanwhile.

    Done are other calls of the method on the same object that succeed: requests that queue behind each other on a busy
    machine keep waiting, requests that wait for a database that hangs do not. What a request has begun is cancelled;
    a driver that cannot be interrupted rolls it back later.
    """
    last_success: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    @wraps(method)
    async def bounded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        now = asyncio.get_running_loop().time
        begun = now()
        task = asyncio.create_task(method(self, *args, **kwargs))
        try:
            while not task.done():
                left = max(begun, last_success.get(self, begun)) + DATABASE_SECONDS - now()
                if left <= 0:
                    raise StorageError(
                        f"The database does not answer: nothing in {DATABASE_SECONDS:g} seconds."
                    )
                await asyncio.wait({task}, timeout=left)
            result = task.result()
        finally:
            _give_up(task)
        last_success[self] = now()
        return result

    return bounded


def _give_up(task: asyncio.Task[Any]) -> None:
    """Cancel a task that is not done, and keep it until it is, because the event loop alone would not."""
    if not task.done():
        task.cancel()
        _given_up.add(task)
        task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # an error that is never retrieved would be logged
