"""Detects the end of the parent process, even if another process keeps the pipes open."""

import asyncio
import os
import select
import sys
from io import FileIO
from typing import Any, Final, Protocol

POLL_SECONDS: Final = 120.0


class ProcessWatch(Protocol):
    """A descriptor that becomes readable when a process ends."""

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


async def parent_exited(platform: str = sys.platform) -> None:
    """Return when the parent process has ended.

    Uses a pidfd or a kqueue; where neither exists, compares the parent's id every POLL_SECONDS.
    """
    if platform == "win32":
        from ambassador_client.proxy.parent_process_windows import host_exited  # noqa: PLC0415 - Windows only

        return await host_exited()
    parent = os.getppid()
    if parent <= 1:
        await asyncio.Event().wait()  # the parent is the init process, which does not end
    watch = _watch(parent)
    while os.getppid() == parent:
        if watch is not None:
            return await _wait_readable(watch)
        await asyncio.sleep(POLL_SECONDS)
    return None


def _watch(parent: int) -> ProcessWatch | None:
    try:
        if hasattr(os, "pidfd_open"):  # Linux
            return FileIO(os.pidfd_open(parent))
        if hasattr(select, "kqueue"):  # macOS and the BSDs
            return _kernel_queue(parent, select)
    except OSError:  # an old kernel, a sandbox that forbids it, or a parent that has just ended
        pass
    return None


def _kernel_queue(parent: int, system: Any) -> ProcessWatch:
    queue: ProcessWatch = system.kqueue()
    end = system.kevent(
        parent, filter=system.KQ_FILTER_PROC, flags=system.KQ_EV_ADD, fflags=system.KQ_NOTE_EXIT
    )
    try:
        queue.control([end], 0)  # type: ignore[attr-defined]
    except OSError:
        queue.close()
        raise
    return queue


async def _wait_readable(watch: ProcessWatch) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(watch.fileno(), ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(watch.fileno())
        watch.close()
