"""Finds and ends the processes that programs of a killed server have left behind, by the mark in their environment."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from ambassador_server.downstream.programs.plan import MARK

_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.02
_PROCESSES = Path("/proc")


async def end_leftovers(server_id: str, grace: float = _GRACE_SECONDS) -> int:
    """End every process with this server's mark by SIGTERM, then SIGKILL; return how many there were.

    Must run before the server starts a program of its own.
    """
    if not hasattr(os, "pidfd_open"):
        return 0
    ended: set[int] = set()
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        with ExitStack() as stack:
            found = {pid: stack.enter_context(handle) for pid, handle in _marked(server_id)}
            for handle in found.values():
                handle.send(number)
            ended.update(found)
            await _gone(list(found.values()), patience)
    return len(ended)


class _Handle:
    """A descriptor of a process, which never means another process that later gets the same number."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    def __enter__(self) -> "_Handle":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def send(self, number: int) -> bool:
        """Send a signal; tell whether the process was there."""
        try:
            signal.pidfd_send_signal(self._descriptor, number)
        except OSError:
            return False
        return True


async def _gone(handles: list[_Handle], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while any(handle.send(0) for handle in handles):  # noqa: ASYNC110 - their exits are not reported to us
                await asyncio.sleep(_POLL_SECONDS)


def _marked(server_id: str) -> Iterator[tuple[int, _Handle]]:
    """Yield number and handle of each process with the mark, except this one and those that it descends from."""
    mark, spared = f"{MARK}={server_id}".encode(), set(_ancestors())
    for directory in _PROCESSES.iterdir():
        if not directory.name.isdigit() or int(directory.name) in spared:
            continue
        with suppress(OSError):
            handle = _Handle(int(directory.name))
            # Read after the handle is open: the environment is that of the process the handle means, or of none.
            try:
                is_marked = mark in (directory / "environ").read_bytes().split(b"\0")
            except OSError:
                is_marked = False
            if is_marked and handle.send(0):
                yield int(directory.name), handle
            else:
                handle.__exit__()


def _ancestors() -> Iterator[int]:
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            pid = int((_PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return
