"""Standard input and output by threads, with limited buffers, where the event loop cannot poll them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest

from ambassador_client.proxy import stdio
from ambassador_client.proxy.stdio import Output, can_poll, read_lines
from ambassador_protocol.line_splitter import Line, LongLine
from tests.patience import PATIENCE

MIB = 1 << 20
PIPE_HOLDS = 64 * 1024


@pytest.fixture(autouse=True)
def unpolled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "can_poll", lambda descriptor: can_poll(descriptor, "win32"))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe; a test that closes an end puts another file in its place."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def close(end: int) -> None:
    """Close an end of a pipe, but keep its descriptor open for the fixture."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, end)
    os.close(nothing)


async def until(lines: AsyncIterator[Line]) -> list[Line]:
    async with asyncio.timeout(PATIENCE):
        return [line async for line in lines]


async def test_lines_of_any_size_and_line_end_are_read(pipe: tuple[int, int]):
    read_end, write_end = pipe
    os.write(write_end, b"one\r\n\ntwo\n" + b"x" * 200 + b"\nlast")
    close(write_end)
    one, two, long, last = await until(read_lines(read_end, limit=100))
    assert (one, two, last) == (b"one", b"two", b"last")
    assert isinstance(long, LongLine)


async def test_input_is_not_read_ahead_without_limit(pipe: tuple[int, int]):
    read_end, write_end = pipe
    os.set_blocking(write_end, False)
    lines = read_lines(read_end)
    os.write(write_end, b"first\n")
    assert await anext(lines) == b"first"
    # The reader reads ahead up to its limit, then the pipe stays full.
    written, full = 0, 0
    async with asyncio.timeout(PATIENCE):
        while full < 20:
            try:
                written += os.write(write_end, b"line of twenty-one..\n" * 3000)
                full = 0
            except BlockingIOError:
                full += 1
                await asyncio.sleep(0.001)
    assert written <= 5 * (1 << 16) + PIPE_HOLDS
    os.set_blocking(write_end, True)
    close(write_end)
    assert sum(len(line) + 1 for line in await until(lines) if isinstance(line, bytes)) <= written + 1


async def test_writing_waits_when_the_host_does_not_read(pipe: tuple[int, int]):
    read_end, write_end = pipe
    output = await Output.open(write_end)
    line = b"x" * MIB
    for _ in range(20):
        output.send(line)
    held = asyncio.create_task(output.drain())
    await asyncio.sleep(0)
    assert not held.done()
    left = 20 * (MIB + 1)
    while not held.done():
        left -= len(await asyncio.to_thread(os.read, read_end, MIB))
        await asyncio.sleep(0)
    assert 0 < left <= 17 * MIB
    flushed = asyncio.create_task(output.flush())
    while left:
        assert left <= PIPE_HOLDS or not flushed.done()
        left -= len(await asyncio.to_thread(os.read, read_end, MIB))
    await asyncio.wait_for(flushed, PATIENCE)
    assert not output.closed.is_set()


async def test_line_ends_are_not_translated(pipe: tuple[int, int]):
    read_end, write_end = pipe
    output = await Output.open(write_end)
    output.send(b'{\r\n "a":\n 1}')
    await output.flush()
    assert os.read(read_end, 100) == b'{   "a":  1}\n'


async def test_a_closed_output_ends_waiting_writes(pipe: tuple[int, int]):
    read_end, write_end = pipe
    output = await Output.open(write_end)
    close(read_end)
    for _ in range(20):
        output.send(b"x" * MIB)
    async with asyncio.timeout(PATIENCE):
        await output.closed.wait()
        await output.drain()
        await output.flush()
    output.send(b"{}")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_files_and_terminals_are_not_polled(platform: str, pipe: tuple[int, int]):
    ours, theirs = os.openpty()
    with open(os.devnull, "rb") as file:
        assert [can_poll(each, platform) for each in (pipe[0], file.fileno(), theirs)] == [True, False, False]
    os.close(ours)
    os.close(theirs)


def test_windows_does_not_translate_line_ends(monkeypatch: pytest.MonkeyPatch):
    modes: dict[int, int] = {}
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(setmode=modes.__setitem__))
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    stdio._prepare_for_threads(1, "win32")
    assert modes == {1: 0x8000}
