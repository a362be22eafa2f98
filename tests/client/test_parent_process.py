"""Detection of the parent's end: the process table and waits of Windows, and pidfds."""

import asyncio
import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ambassador_client.proxy import parent_process
from ambassador_client.proxy.parent_process import parent_exited
from ambassador_client.proxy.parent_process_windows import (
    Kernel32,
    Process,
    ProcessEntry,
    find_host,
    host_exited,
    launcher_programs,
)
from tests.patience import PATIENCE

US, PYTHON, LAUNCHER, HOST, SHELL = 50, 40, 30, 20, 10
CHAIN = {
    SHELL: Process(1, "cmd.exe"),
    HOST: Process(SHELL, "Cursor.exe"),
    LAUNCHER: Process(HOST, "Ambassador-Client.exe"),
    PYTHON: Process(LAUNCHER, "python.exe"),
    US: Process(PYTHON, "python.exe"),
}
BETWEEN = ["python.exe", "ambassador-client.exe"]


def without(*processes: int) -> dict[int, Process]:
    """Return the chain of processes without these, each started by the previous one."""
    table: dict[int, Process] = {}
    before = 1
    for process, row in CHAIN.items():
        if process not in processes:
            table[process] = Process(before, row.program)
            before = process
    return table


@pytest.mark.parametrize(
    ("table", "between", "host"),
    [
        (CHAIN, BETWEEN, HOST),
        (without(PYTHON), BETWEEN, HOST),
        (without(LAUNCHER), BETWEEN, HOST),
        (without(LAUNCHER, PYTHON), BETWEEN, HOST),
        (without(LAUNCHER, PYTHON), BETWEEN[1:], HOST),
        ({**without(PYTHON, LAUNCHER), HOST: Process(SHELL, "python.exe")}, BETWEEN[1:], HOST),
        ({each: row for each, row in CHAIN.items() if each != HOST}, BETWEEN, None),
        ({US: Process(PYTHON, "python.exe")}, BETWEEN, None),
        ({}, BETWEEN, None),
    ],
)
def test_the_host_is_found_before_the_launchers(
    table: Mapping[int, Process], between: list[str], host: int | None
):
    assert find_host(US, table, between) == host


def test_launcher_programs():
    own = r"C:\Users\me\pipx\venvs\mcp-ambassador\Scripts\Python.exe"
    assert launcher_programs(own, r"C:\Users\me\pipx\venvs\mcp-ambassador", r"C:\Python313") == BETWEEN
    assert launcher_programs(r"C:\Python313\python.exe", r"C:\Python313", r"C:\Python313") == BETWEEN[1:]


class Function:
    """A library function that accepts what ctypes passes."""

    def __init__(self, act: Callable[..., Any]) -> None:
        self.restype: Any = ctypes.c_int
        self._act = act

    def __call__(self, *arguments: Any) -> Any:
        return self._act(*arguments)


class Library:
    """An emulated kernel32.dll with its own processes; `open` counts the open handles."""

    def __init__(self, table: Mapping[int, Process], waited: int = 0) -> None:
        self.table = table
        self.open: set[int] = set()
        self.opened: list[tuple[int, int]] = []
        self._rows = iter(table.items())
        self.CreateToolhelp32Snapshot = Function(lambda kind, _: self._handle() if kind == 2 else 0)
        self.Process32FirstW = Function(self._next)
        self.Process32NextW = Function(self._next)
        self.OpenProcess = Function(self._open)
        self.WaitForSingleObject = Function(lambda handle, how_long: waited)
        self.CloseHandle = Function(lambda handle: self.open.remove(handle.value))

    def _handle(self) -> int:
        self.open.add(0x1_0000_0000 + len(self.open))  # wider than a C int
        return max(self.open)

    def _open(self, access: int, _: bool, process: int) -> int | None:
        self.opened.append((access, process))
        return self._handle() if process in self.table else None

    def _next(self, handle: ctypes.c_void_p, reference: Any) -> bool:
        entry: ProcessEntry = reference._obj
        assert handle.value in self.open
        assert entry.size == ctypes.sizeof(ProcessEntry)
        row = next(self._rows, None)
        if row is None:
            return False
        entry.process, (entry.parent, program) = row
        text = f"{program}\0left over".encode("utf-16-le")
        ctypes.memmove(ctypes.addressof(entry) + ProcessEntry.program.offset, text, len(text))
        return True


def test_the_process_table_of_windows_is_read():
    library = Library({**CHAIN, 60: Process(US, "grüezi.exe")})
    assert Kernel32(library).processes() == library.table
    assert library.open == set()
    assert library.CreateToolhelp32Snapshot.restype is ctypes.c_void_p
    assert library.OpenProcess.restype is ctypes.c_void_p


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the sizes are those of 64 bits")
def test_the_structure_has_the_layout_of_windows():
    members = ("process", "heap", "parent", "program")
    assert [getattr(ProcessEntry, name).offset for name in members] == [8, 16, 32, 44]
    assert ctypes.sizeof(ProcessEntry) == 568


def test_the_handle_is_closed_after_waiting():
    library = Library(CHAIN)
    Kernel32(library).wait(HOST)
    assert (library.opened, library.open) == ([(0x100000, HOST)], set())


@pytest.mark.parametrize(("process", "waited"), [(HOST, 0xFFFFFFFF), (99, 0)])
def test_a_failed_wait_is_not_the_end_of_the_process(process: int, waited: int):
    library = Library(CHAIN, waited)
    with pytest.raises(OSError, match="cannot be wa"):
        Kernel32(library).wait(process)
    assert library.open == set()


def test_a_refused_process_table_is_an_error():
    library = Library(CHAIN)
    library.CreateToolhelp32Snapshot = Function(lambda *_: ctypes.c_void_p(-1).value)
    with pytest.raises(OSError, match="cannot be listed"):
        Kernel32(library).processes()


class OwnTable:
    """A kernel whose process table contains the host, or not."""

    def __init__(self, wait: Callable[[], None], host: int | None = HOST) -> None:
        self._wait = wait
        self._host = host
        self.asked = threading.Event()

    def processes(self) -> Mapping[int, Process]:
        self.asked.set()
        parents = {} if self._host is None else {self._host: Process(1, "host.exe")}
        return {os.getpid(): Process(self._host or 7, "python.exe"), **parents}

    def wait(self, process: int) -> None:
        assert process == self._host
        self._wait()


async def test_the_end_of_the_host_is_reported():
    ended = threading.Event()
    kernel = OwnTable(lambda: assert_waits(ended))
    watching = asyncio.create_task(host_exited(lambda: kernel))
    await asyncio.to_thread(kernel.asked.wait, PATIENCE)
    assert not watching.done()
    ended.set()
    await asyncio.wait_for(watching, PATIENCE)


def assert_waits(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def _refuse() -> None:
    raise OSError


@pytest.mark.parametrize(
    "kernel", [OwnTable(_refuse), OwnTable(_refuse, None)], ids=["not allowed", "gone before we looked"]
)
async def test_a_host_that_cannot_be_watched_counts_as_running(kernel: OwnTable):
    watching = asyncio.create_task(host_exited(lambda: kernel))
    await asyncio.to_thread(kernel.asked.wait, PATIENCE)
    for thread in threading.enumerate():
        if thread.name == "host":
            await asyncio.to_thread(thread.join, PATIENCE)
    await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux")
async def test_linux_reports_the_end_of_a_process():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "input()", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    watch = parent_process._watch(process.pid)
    assert watch is not None
    watching = asyncio.create_task(parent_process._wait_readable(watch))
    await asyncio.sleep(0)
    assert not watching.done()
    await process.communicate(b"")
    await asyncio.wait_for(watching, PATIENCE)


async def test_init_as_parent_is_not_watched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getppid", lambda: 1)
    watching = asyncio.create_task(parent_exited("linux"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()
