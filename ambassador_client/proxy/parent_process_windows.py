"""Detects the end of the host on Windows: a thread waits for its process.

Python starts this program through launchers: `ambassador-client.exe`, and the `python.exe` of a virtual environment.
They wait for this process and outlive the host, so the process that started the first launcher is watched.
"""

import asyncio
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

LAUNCHER: Final = "ambassador-client.exe"
_ALL_PROCESSES: Final = 0x2  # TH32CS_SNAPPROCESS
_SYNCHRONIZE: Final = 0x0010_0000
_WITHOUT_TIMEOUT: Final = 0xFFFF_FFFF
_NO_HANDLE: Final = ctypes.c_void_p(-1).value


class Process(NamedTuple):
    """A process: the id of its parent and the file name of its program."""

    parent: int
    program: str


class Kernel(Protocol):
    """The system calls used here; both raise OSError."""

    def processes(self) -> Mapping[int, Process]:
        """Return the processes by id."""
        ...

    def wait(self, process: int) -> None:
        """Return when the process has ended."""
        ...


class ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W, in types whose sizes are the same on every platform."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("usage", ctypes.c_uint32),
        ("process", ctypes.c_uint32),
        ("heap", ctypes.c_size_t),
        ("module", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("parent", ctypes.c_uint32),
        ("priority", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("program", ctypes.c_uint16 * 260),
    )


class Kernel32:
    """The system calls of Windows; `library` is kernel32.dll."""

    def __init__(self, library: Any) -> None:
        self._library = library
        library.CreateToolhelp32Snapshot.restype = ctypes.c_void_p
        library.OpenProcess.restype = ctypes.c_void_p

    def processes(self) -> Mapping[int, Process]:
        """Return the processes by id."""
        snapshot = self._library.CreateToolhelp32Snapshot(_ALL_PROCESSES, 0)
        if snapshot in (None, _NO_HANDLE):
            raise OSError("the processes cannot be listed")
        found = {}
        entry = ProcessEntry(size=ctypes.sizeof(ProcessEntry))
        handle = ctypes.c_void_p(snapshot)
        try:
            more = self._library.Process32FirstW(handle, ctypes.byref(entry))
            while more:
                program = bytes(entry.program).decode("utf-16-le", errors="replace").partition("\0")[0]
                found[entry.process] = Process(entry.parent, program)
                more = self._library.Process32NextW(handle, ctypes.byref(entry))
        finally:
            self._library.CloseHandle(handle)
        return found

    def wait(self, process: int) -> None:
        """Return when the process has ended."""
        opened = self._library.OpenProcess(_SYNCHRONIZE, False, process)
        if not opened:
            raise OSError(f"process {process} cannot be watched")
        handle = ctypes.c_void_p(opened)
        try:
            # A failed wait must not be taken for the end of the host.
            if self._library.WaitForSingleObject(handle, ctypes.c_uint32(_WITHOUT_TIMEOUT)) != 0:
                raise OSError(f"process {process} cannot be waited for")
        finally:
            self._library.CloseHandle(handle)


async def host_exited(kernel: Callable[[], Kernel] = lambda: Kernel32(_kernel32())) -> None:
    """Return when the host has ended; never if it cannot be watched, then the end of input ends the proxy."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def watch() -> None:
        with suppress(
            OSError, RuntimeError
        ):  # RuntimeError: the loop is closed, so nothing waits for the event
            system = kernel()
            host = find_host(os.getpid(), system.processes(), launcher_programs())
            if host is not None:
                system.wait(host)
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, name="host", daemon=True).start()
    await ended.wait()


def find_host(process: int, table: Mapping[int, Process], launchers: Sequence[str]) -> int | None:
    """Return the id of the process that started the launchers, the nearest first; None if it has ended."""
    for launcher in launchers:
        parent = _parent(process, table)
        if parent is not None and table[parent].program.lower() == launcher:
            process = parent
    return _parent(process, table)


def launcher_programs(
    executable: str = sys.executable, prefix: str = sys.prefix, base: str = sys.base_prefix
) -> list[str]:
    """Return the program names of the launchers between the host and this process, the nearest first."""
    of_environment = [executable.replace("\\", "/").rpartition("/")[2].lower()] if prefix != base else []
    return [*of_environment, LAUNCHER]


def _parent(process: int, table: Mapping[int, Process]) -> int | None:
    row = table.get(process)
    return row.parent if row is not None and row.parent in table else None


def _kernel32() -> Any:
    return ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
