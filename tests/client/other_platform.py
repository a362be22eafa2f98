"""Starts the proxy as it runs on another platform, whose system calls are emulated on Linux.

    python -m tests.client.other_platform {windows,macos,unknown} [ARGUMENT...]

Calls that the platform lacks are removed, so that the proxy runs the same code as on that platform.
"""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from ambassador_client.proxy import main, parent_process, stdio
from ambassador_client.proxy.parent_process_windows import Process, host_exited

BREAK = signal.SIGUSR1


class ProactorLike(asyncio.SelectorEventLoop):
    """An event loop that refuses what the loop on Windows does not support."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError

    add_reader = add_writer = _refuse  # type: ignore[assignment]
    add_signal_handler = _refuse  # type: ignore[assignment]
    connect_read_pipe = connect_write_pipe = _refuse  # type: ignore[assignment]


class ProcessTable:
    """Emulates the process calls of Windows with /proc."""

    def processes(self) -> Mapping[int, Process]:
        # This process and its ancestors alone: on a busy machine, a test could end the host while a long table is read.
        found: dict[int, Process] = {}
        process = os.getpid()
        # An ancestor can end meanwhile; the snapshot of Windows holds only those that have not.
        with suppress(FileNotFoundError, ProcessLookupError):
            while process:
                stat = Path(f"/proc/{process}/stat").read_text()
                name, _, rest = stat.partition("(")[2].rpartition(")")
                found[process] = Process(int(rest.split()[1]), f"{name}.exe")
                process = found[process].parent
        return found

    def wait(self, process: int) -> None:
        descriptor = os.pidfd_open(process)
        select.select([descriptor], [], [])
        os.close(descriptor)


class KernelQueue:
    """Emulates a kqueue for the end of a process with a pidfd."""

    def __init__(self, pidfd_open: Any) -> None:
        self._pidfd_open = pidfd_open
        self._descriptor = -1

    def control(self, events: list[dict[str, Any]], _: int) -> list[Any]:
        (event,) = events
        assert event == {"ident": event["ident"], "filter": -5, "flags": 1, "fflags": 0x8000_0000}
        self._descriptor = self._pidfd_open(event["ident"])
        return []

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


def windows() -> None:
    can_poll = stdio.can_poll
    stdio.can_poll = lambda descriptor: can_poll(descriptor, "win32")
    asyncio.new_event_loop = ProactorLike
    main.parent_exited = lambda: host_exited(ProcessTable)
    signal.SIGBREAK = BREAK  # type: ignore[attr-defined]
    del select.poll


def macos() -> None:
    pidfd_open = os.pidfd_open
    del os.pidfd_open
    select.kqueue = lambda: KernelQueue(pidfd_open)
    select.kevent = lambda ident, **members: {"ident": ident, **members}
    select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT = -5, 1, 0x8000_0000


def unknown() -> None:
    del os.pidfd_open
    parent_process.POLL_SECONDS = 0.05  # type: ignore[misc]


if __name__ == "__main__":
    {"windows": windows, "macos": macos, "unknown": unknown}[sys.argv[1]]()
    main.main(sys.argv[3:] if sys.argv[2:3] == ["proxy"] else sys.argv[2:])
