"""Keeps the last lines of a downstream's output that are not MCP, for an administrator to read."""

from collections import deque
from collections.abc import Callable


class OutputRing:
    """A bounded number of lines; they are made printable and masked when they are read."""

    def __init__(self, mask: Callable[[str], str], *, lines: int = 50, width: int = 500) -> None:
        self._mask = mask
        self._width = width
        self._kept: deque[bytes] = deque(maxlen=lines)

    def add(self, line: bytes) -> None:
        """Keep one line unless it is blank."""
        line = line.strip()
        if line:
            # Longer than `width`, because the mask would not recognise a secret that was cut in half.
            self._kept.append(line[: 4 * self._width])

    def last(self) -> str | None:
        """Return the newest line, or None."""
        return self._printable(self._kept[-1]) if self._kept else None

    def all(self) -> tuple[str, ...]:
        """Return every kept line, oldest first."""
        return tuple(map(self._printable, self._kept))

    def _printable(self, line: bytes) -> str:
        text = "".join(c if c.isprintable() else " " for c in line.decode(errors="replace"))
        return self._mask(text)[: self._width]
