"""Newline-delimited JSON: bytes into lines."""

from typing import Final, NamedTuple

MAX_LINE_BYTES: Final = 64 << 20
_KEPT_BYTES: Final = 4096


class LineTooLong(NamedTuple):
    """Stands in the place of a line above the limit: its first and its last bytes, the rest was thrown away."""

    head: bytes
    tail: bytes


Frame = bytes | LineTooLong


class Splitter:
    """Feed it chunks of any size; it returns the lines that are complete, without their ends and never empty."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._kept = bytearray()  # a list of pieces would take many times their size where they are small
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
        self._kept += piece
        if self._size > self._limit:
            # What was thrown away lay between the two.
            self._tail = (
                (self._tail + piece)[-_KEPT_BYTES:] if self._tail else bytes(self._kept[-_KEPT_BYTES:])
            )
            del self._kept[_KEPT_BYTES:]

    def _end(self, piece: bytes) -> Frame | None:
        self._take(piece)
        line, size, tail = bytes(self._kept), self._size, self._tail
        self._kept, self._size, self._tail = bytearray(), 0, b""
        if size > self._limit:
            return LineTooLong(line, tail)
        return line.strip() or None
