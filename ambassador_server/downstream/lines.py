"""Bytes of a pipe cut into lines, and the last lines worth showing to a person."""

from collections import deque
from collections.abc import Callable

_EDGE = 256


class LineSplitter:
    """Cut chunks at newlines; a line beyond `limit` bytes is dropped, its first and last bytes are reported."""

    def __init__(self, limit: int, too_long: Callable[[bytes, bytes], None]) -> None:
        self._limit = limit
        self._too_long = too_long
        self._parts: list[bytes] = []
        self._size = 0
        self._head: bytes | None = None
        self._tail = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this chunk completes, without their newlines."""
        lines: list[bytes] = []
        *complete, rest = chunk.split(b"\n")
        for piece in complete:
            self._take(piece)
            line = self._finish()
            if line is not None:
                lines.append(line)
        self._take(rest)
        return lines

    def rest(self) -> bytes:
        """Return what came after the last newline, which is a line too once nothing more can come."""
        return self._tail if self._head is not None else b"".join(self._parts)

    def _take(self, piece: bytes) -> None:
        if self._head is not None:
            self._tail = (self._tail + piece)[-_EDGE:]
            return
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            line = b"".join(self._parts)
            self._head, self._tail = line[:_EDGE], line[-_EDGE:]
            self._parts.clear()

    def _finish(self) -> bytes | None:
        head, self._head = self._head, None
        parts, self._parts = self._parts, []
        self._size = 0
        if head is not None:
            self._too_long(head, self._tail)
            return None
        return parts[0] if len(parts) == 1 else b"".join(parts)


class OutputRing:
    """The last lines a downstream wrote that are not MCP; bounded, made printable, masked when read."""

    def __init__(self, mask: Callable[[str], str], *, lines: int = 50, width: int = 500) -> None:
        self._mask = mask
        self._width = width
        self._kept: deque[bytes] = deque(maxlen=lines)

    def add(self, line: bytes) -> None:
        """Keep one line; blank ones say nothing."""
        line = line.strip()
        if line:
            # Longer than is shown: a secret cut in half would not be recognised by the mask.
            self._kept.append(line[: 4 * self._width])

    def last(self) -> str | None:
        """Return the newest line."""
        return self._shown(self._kept[-1]) if self._kept else None

    def all(self) -> tuple[str, ...]:
        """Return every kept line, oldest first."""
        return tuple(map(self._shown, self._kept))

    def _shown(self, line: bytes) -> str:
        text = "".join(c if c.isprintable() else " " for c in line.decode(errors="replace"))
        return self._mask(text)[: self._width]
