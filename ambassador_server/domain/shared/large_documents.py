"""Works on large documents in a thread, so that the event loop goes on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar, TypeVarTuple

LARGE: Final = 256 * 1024
"""Work on a document of so many bytes is done at once, because it takes less time than a turn of the event loop may."""

_OVERHEAD: Final = 512
"""What a document costs besides its bytes, in bytes that take as long."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# One thread: the event loop then competes with one document at a time for the interpreter, however many there are.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-document")


def own_thread(name: str) -> ThreadPoolExecutor:
    """Return another thread, for work that must not wait for the documents of others."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


async def off_loop(work: Callable[[*Ts], T], *arguments: *Ts, thread: ThreadPoolExecutor | None = None) -> T:
    """Return `work(*arguments)`, which runs in the thread for large documents, or in one of its own.

    The event loop still waits while the work is inside one call of the interpreter's own functions or of a library that
    keeps its lock, so the work has to consist of short calls.
    """
    run = copy_context().run
    return await asyncio.get_running_loop().run_in_executor(thread or _thread, run, work, *arguments)


class Turns:
    """Tells when work on many documents has to give the event loop a turn."""

    def __init__(self) -> None:
        self._done = 0

    def is_due(self, size: int) -> bool:
        """Count a document of `size` bytes that was worked on; tell whether to `await asyncio.sleep(0)` now."""
        self._done += size + _OVERHEAD
        if self._done <= LARGE:
            return False
        self._done = 0
        return True
