"""Splits the bytes of a pipe into lines."""

from typing import Final, NamedTuple

_KEPT_BYTES: Final = 4096


class LongLine(NamedTuple):
    """Replaces a line above the limit; has its first and last bytes, without the rest."""

    head: bytes
    tail: bytes


Line = bytes | LongLine


def ends_of(line: bytes) -> LongLine:
    """Return the first and the last bytes of a line."""
    return LongLine(line[:_KEPT_BYTES], line[-_KEPT_BYTES:])


class LineSplitter:
    """Splits chunks of any size into lines without surrounding white space; empty lines are dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()  # not a list, whose overhead is large for small pieces
        self._size = 0
        self._tail = b""

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that end in this chunk."""
        *ends, rest = chunk.split(b"\n")
        lines: list[Line] = []
        for end in ends:
            line = self._end(end) if self._size or len(end) > self._limit else end.strip()
            if line:
                lines.append(line)
        if rest:
            self._keep(rest)
        return lines

    def finish(self) -> list[Line]:
        """Return the incomplete last line at the end of the input."""
        line = self._end(b"")
        return [line] if line else []

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        self._kept += piece
        if self._size > self._limit:
            # The dropped bytes are between head and tail.
            self._tail = (
                (self._tail + piece)[-_KEPT_BYTES:] if self._tail else bytes(self._kept[-_KEPT_BYTES:])
            )
            del self._kept[_KEPT_BYTES:]

    def _end(self, piece: bytes) -> Line:
        self._keep(piece)
        line = bytes(self._kept)
        end = LongLine(line, self._tail) if self._size > self._limit else line.strip()
        self._kept.clear()
        self._size, self._tail = 0, b""
        return end
