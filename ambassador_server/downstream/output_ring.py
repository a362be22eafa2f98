"""The last lines worth showing to a person of what a program wrote."""

from collections import deque
from collections.abc import Callable


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
