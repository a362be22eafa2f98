"""Standard input and output: polled by the event loop where possible, else each read or written by a thread."""

import asyncio
import os
import stat
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from io import FileIO
from queue import SimpleQueue
from typing import Final, cast

from ambassador_protocol.json_text import on_one_line
from ambassador_protocol.line_splitter import Line, LineSplitter

MAX_LINE_BYTES: Final = 64 << 20
_READ_BYTES: Final = 1 << 16
_WRITE_BYTES: Final = 1 << 20
_WAITING_CHUNKS: Final = 4
_END: Final = b""
_UNREAD_BYTES: Final = 16 << 20  # a host may write much before it reads


class Output:
    """Standard output to the host; `closed` is set when the host has closed it."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    @staticmethod
    async def open(descriptor: int) -> "Output":
        """Return an output for the descriptor whose writes never block the event loop."""
        if can_poll(descriptor):
            pipe = FileIO(descriptor, "wb", closefd=False)
            return (await asyncio.get_running_loop().connect_write_pipe(_PolledOutput, pipe))[1]
        _prepare_for_threads(descriptor)
        return _ThreadOutput(descriptor)

    def send(self, message: bytes) -> None:
        """Write one message as one line; discard it if the host has closed the output."""
        if not self.closed.is_set():
            self._write(on_one_line(message) + b"\n")

    async def drain(self) -> None:
        """Wait while too much written data is unread."""
        await self._may_write.wait()

    async def flush(self) -> None:
        """Wait until everything is written; call nothing after it."""
        raise NotImplementedError

    def _write(self, line: bytes) -> None:
        raise NotImplementedError

    def _mark_closed(self) -> None:
        self.closed.set()
        self._may_write.set()


class _PolledOutput(Output, asyncio.BaseProtocol):
    """A POSIX pipe or socket; the loop detects that the host closed it even if nothing is written."""

    _transport: asyncio.WriteTransport

    async def flush(self) -> None:
        """Wait until everything is written; call nothing after it."""
        self._transport.set_write_buffer_limits(high=0)
        await self._may_write.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop when the pipe is connected."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=_UNREAD_BYTES)

    def pause_writing(self) -> None:
        """Called by the loop when too much is unread."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Called by the loop when the host has caught up."""
        self._may_write.set()

    def connection_lost(self, _: Exception | None) -> None:
        """Called by the loop when the host has closed the pipe."""
        self._mark_closed()

    def _write(self, line: bytes) -> None:
        self._transport.write(line)


class _ThreadOutput(Output):
    """A file, a terminal, or any output on Windows: a thread writes; a closed output is detected by writing."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._unread = 0
        self._most_unread = _UNREAD_BYTES
        threading.Thread(target=self._pump, name="stdout", daemon=True).start()

    async def flush(self) -> None:
        """Wait until everything is written; call nothing after it."""
        self._lines.put(_END)
        self._most_unread = 0
        self._pause_or_resume()
        await self._may_write.wait()

    def _write(self, line: bytes) -> None:
        self._unread += len(line)
        self._pause_or_resume()
        self._lines.put(line)

    def _written(self, size: int) -> None:
        self._unread -= size
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        if self.closed.is_set() or self._unread <= self._most_unread // 4:
            self._may_write.set()
        elif self._unread > self._most_unread:
            self._may_write.clear()

    def _pump(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            try:
                while line := self._lines.get():
                    rest = memoryview(line)
                    while rest:
                        size = os.write(self._descriptor, rest[:_WRITE_BYTES])
                        rest = rest[size:]
                        self._loop.call_soon_threadsafe(self._written, size)
            except OSError:
                self._loop.call_soon_threadsafe(self._mark_closed)


async def read_lines(descriptor: int, limit: int = MAX_LINE_BYTES) -> AsyncIterator[Line]:
    """Yield the lines of standard input until its end."""
    splitter = LineSplitter(limit)
    chunks = _pipe_chunks(descriptor) if can_poll(descriptor) else _thread_chunks(descriptor)
    async for chunk in chunks:
        lines = splitter.feed(chunk)[::-1]
        while lines:
            yield lines.pop()  # frees a large line before the next one is read
    for line in splitter.finish():
        yield line


def can_poll(descriptor: int, platform: str = sys.platform) -> bool:
    """Tell whether the event loop can poll the descriptor: a POSIX pipe or socket."""
    if platform == "win32":
        return False
    mode = os.fstat(descriptor).st_mode
    # With one socket for both directions, input would be mistaken for a closed output.
    return stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and not os.path.sameopenfile(0, 1))


async def _pipe_chunks(descriptor: int) -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader(limit=_READ_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), FileIO(descriptor, "rb", closefd=False)
    )
    try:
        while chunk := await reader.read(_READ_BYTES):
            yield chunk
    except OSError:
        return  # the host has reset the socket
    finally:
        transport.close()


async def _thread_chunks(descriptor: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_WAITING_CHUNKS)
    _prepare_for_threads(descriptor)

    def pump() -> None:
        chunk = b"more"
        while chunk:
            room.acquire()
            try:
                chunk = os.read(descriptor, _READ_BYTES)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:
                return  # the loop is closed

    threading.Thread(target=pump, name="stdin", daemon=True).start()
    while chunk := await chunks.get():
        room.release()
        yield chunk


def _prepare_for_threads(descriptor: int, platform: str = sys.platform) -> None:
    """Make the descriptor blocking; on Windows switch off the translation of line ends."""
    if platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows only

        msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined, unused-ignore]
    else:
        os.set_blocking(descriptor, True)  # type: ignore[attr-defined, unused-ignore]
