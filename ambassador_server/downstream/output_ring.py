"""Keeps the last lines of a downstream's output that are not MCP, for an administrator to read."""

import re
from collections import deque
from collections.abc import Callable
from typing import Final

_CONTROL: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x00")
"""A code for a terminal, or a null, which stands in every other byte of UTF-16."""
_NO_CAUSE: Final = re.compile(
    r"at \S.*[:(<]|Node\.js v\d|note: run with `RUST_BACKTRACE|\.{3} \d+ more$|\W*$"
)
"""What follows the cause of a crash: the stack, the version, or only marks."""
_CUT: Final = " … "


def shortened(text: str, width: int) -> str:
    """Return a text, or its beginning and its end if it is longer than the width."""
    half = (width - len(_CUT)) // 2
    return text if len(text) <= width else text[:half] + _CUT + text[-half:]


class OutputRing:
    """A bounded number of lines; they are made printable and masked when they are read.

    Of a long line the beginning and the end are kept. `longest_secret` is the size of the longest value to mask.
    """

    def __init__(
        self, mask: Callable[[str], str], *, lines: int = 50, width: int = 500, longest_secret: int = 0
    ) -> None:
        self._mask = mask
        self._width = width
        # Longer than `width`, because the mask would not recognise a secret that was cut in half.
        self._kept_bytes = max(4 * width, width + longest_secret)
        self._kept: deque[tuple[bytes, bytes]] = deque(maxlen=lines)

    def add(self, line: bytes, tail: bytes = b"") -> None:
        """Keep one line, or its beginning and its end, unless it is blank."""
        line, tail = _without_codes(line), _without_codes(tail)
        most = self._kept_bytes
        if len(line) > 2 * most:
            tail = tail or line[-most:]
        if line or tail:
            self._kept.append((line[:most], tail[-most:]) if tail else (line, b""))

    def last(self) -> str | None:
        """Return the newest line that may say a cause, or the newest one, or None."""
        lines = self.all()
        causes = (line for line in reversed(lines) if not _NO_CAUSE.match(line))
        return next(causes, lines[-1] if lines else None)

    def all(self) -> tuple[str, ...]:
        """Return every kept line, oldest first."""
        return tuple(self._shown(*line) for line in self._kept)

    def _shown(self, line: bytes, tail: bytes) -> str:
        text = self._printable(line)
        return shortened(text + _CUT + self._printable(tail) if tail else text, self._width)

    def _printable(self, line: bytes) -> str:
        return self._mask("".join(c if c.isprintable() else " " for c in line.decode(errors="replace")))


def _without_codes(line: bytes) -> bytes:
    return (_CONTROL.sub(b"", line) if b"\x1b" in line or b"\0" in line else line).strip()
