"""Notices that the host has died although somebody else still holds our pipes open."""

import asyncio
import os
import select
import sys
from io import FileIO
from typing import Any, Final, Protocol

POLL_SECONDS: Final = 120.0


class ProcessWatch(Protocol):
    """Something the loop can poll, which becomes readable when a process has ended."""

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


async def parent_exited(platform: str = sys.platform) -> None:
    """Return when the process that started us has ended.

    The system tells, and that costs nothing until then; where it does not, we look now and then, as seldom as the
    session is kept alive.
    """
    if platform == "win32":
        from ambassador_client.proxy.parent_process_windows import host_exited  # noqa: PLC0415 - for Windows alone

        return await host_exited()
    parent = os.getppid()
    if parent <= 1:
        await asyncio.Event().wait()  # started by the system, or by the first process of a container
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
    except OSError:  # an old kernel, a sandbox that forbids it, or a parent that has gone this moment
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
