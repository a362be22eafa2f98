"""Newline-delimited JSON: bytes into lines, and the two pipes they come and go through."""

import asyncio
import os
import stat
import sys
import threading
from collections.abc import AsyncIterator
from io import FileIO
from typing import Final, NamedTuple, cast

MAX_LINE_BYTES: Final = 64 << 20
_READ_BYTES = 1 << 16
_WAITING_CHUNKS = 4
_KEPT_BYTES = 4096
_UNREAD_BYTES = 16 << 20  # so that a host that writes much before it reads is not left waiting


class LineTooLong(NamedTuple):
    """Stands in the place of a line above the limit: its first and its last bytes, the rest was thrown away."""

    head: bytes
    tail: bytes


Frame = bytes | LineTooLong


class Splitter:
    """Feed it chunks of any size; it returns the lines that are complete, without their ends and never empty."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that end in this chunk."""
        *ends, rest = chunk.split(b"\n")
        frames = [frame for end in ends if (frame := self._end(end)) is not None]
        self._take(rest)
        return frames

    def finish(self) -> list[Frame]:
        """Return what stands behind the last newline: a host may end its input without one."""
        frame = self._end(b"")
        return [] if frame is None else [frame]

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if piece:
            self._pieces.append(piece)
        if self._size > self._limit:
            kept = b"".join(self._pieces)
            # What was thrown away lay between the two.
            self._pieces = [kept[:_KEPT_BYTES]]
            self._tail = (self._tail + piece)[-_KEPT_BYTES:] if self._tail else kept[-_KEPT_BYTES:]

    def _end(self, piece: bytes) -> Frame | None:
        self._take(piece)
        line, size, tail = b"".join(self._pieces), self._size, self._tail
        self._pieces, self._size, self._tail = [], 0, b""
        if size > self._limit:
            return LineTooLong(line, tail)
        return line.strip() or None


class Output(asyncio.BaseProtocol):
    """Our standard output; `closed` is set when the host has closed its end."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport: asyncio.WriteTransport | None = None
        self._descriptor = -1

    @classmethod
    async def open(cls, descriptor: int) -> "Output":
        """Take over a descriptor; a file or terminal is written directly, a pipe never blocks the loop."""
        output = cls()
        output._descriptor = descriptor
        if _is_pipe(descriptor):
            loop = asyncio.get_running_loop()
            await loop.connect_write_pipe(lambda: output, FileIO(descriptor, "wb", closefd=False))
        else:
            _make_blocking(descriptor)
        return output

    def send(self, message: bytes) -> None:
        """Write one message as one line; after the host has gone, nowhere."""
        if self.closed.is_set():
            return
        # A line break can only stand between JSON tokens, where a space says the same.
        line = message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        if self._transport is not None:
            self._transport.write(line)
            return
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            self.closed.set()

    async def drain(self) -> None:
        """Wait until the host has read enough for more to be written."""
        await self._may_write.wait()

    async def flush(self) -> None:
        """Wait until the host has everything."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high=0)
        await self._may_write.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop when the pipe is connected."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=_UNREAD_BYTES)

    def pause_writing(self) -> None:
        """Called by the loop when the host reads slower than we write."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Called by the loop when the host has caught up."""
        self._may_write.set()

    def connection_lost(self, _: Exception | None) -> None:
        """Called by the loop when the host has closed the pipe."""
        self.closed.set()
        self._may_write.set()


async def read_frames(descriptor: int, limit: int = MAX_LINE_BYTES) -> AsyncIterator[Frame]:
    """Yield the frames of standard input until its end."""
    splitter = Splitter(limit)
    chunks = _pipe_chunks(descriptor) if _is_pipe(descriptor) else _thread_chunks(descriptor)
    async for chunk in chunks:
        frames = splitter.feed(chunk)[::-1]
        while frames:
            yield frames.pop()  # a large one is not kept while we wait for the next
    for frame in splitter.finish():
        yield frame


async def _pipe_chunks(descriptor: int) -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader(limit=_READ_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), FileIO(descriptor, "rb", closefd=False)
    )
    try:
        while chunk := await reader.read(_READ_BYTES):
            yield chunk
    except OSError:
        return  # a socket for standard input was reset: the host has gone
    finally:
        transport.close()


async def _thread_chunks(descriptor: int) -> AsyncIterator[bytes]:
    # Regular files, terminals and everything on Windows cannot be polled.
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_CHUNKS)
    _make_blocking(descriptor)

    def pump() -> None:
        chunk = b"more"
        while chunk:
            try:
                chunk = os.read(descriptor, _READ_BYTES)
            except OSError:
                chunk = b""
            try:
                asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()
            except RuntimeError:
                return  # the loop has been closed: nobody reads any more

    threading.Thread(target=pump, name="stdin", daemon=True).start()
    while chunk := await queue.get():
        yield chunk


def _make_blocking(descriptor: int) -> None:
    if sys.platform != "win32":
        os.set_blocking(descriptor, True)


def _is_pipe(descriptor: int) -> bool:
    """Tell whether the loop can poll the descriptor."""
    if sys.platform == "win32":
        return False
    mode = os.fstat(descriptor).st_mode
    # One socket for both directions would take the host's input for a hang-up of our output.
    return stat.S_ISFIFO(mode) or (stat.S_ISSOCK(mode) and not os.path.sameopenfile(0, 1))
