"""Writes the proxy's messages for people to standard error without ever blocking."""

import os
import select
import sys
import threading
from contextlib import suppress
from typing import Final

_STDERR: Final = 2
_WAIT_SECONDS: Final = 0.1


class Reporter:
    """Writes lines for people to standard error; a line equal to the one before is skipped.

    A line is dropped while the pipe is full, because a host may never read it. Windows cannot tell whether a pipe is
    full; there a thread writes, and lines are dropped while it is blocked.
    """

    def __init__(self) -> None:
        self._last = ""
        self._writing: threading.Thread | None = None

    def __call__(self, line: str) -> None:
        """Write one line."""
        if line == self._last or sys.stderr is None or not self._has_room():
            return
        self._last = line
        content = f"ambassador-client: {line}\n".encode(errors="replace")
        if hasattr(select, "poll"):
            _write(content)
            return
        self._writing = threading.Thread(target=_write, args=(content,), name="stderr", daemon=True)
        self._writing.start()
        self._writing.join(_WAIT_SECONDS)

    def _has_room(self) -> bool:
        if not hasattr(select, "poll"):
            return self._writing is None or not self._writing.is_alive()
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)  # type: ignore[attr-defined, unused-ignore]
        return bool(poll.poll(0))


def _write(content: bytes) -> None:
    with suppress(OSError):
        os.write(_STDERR, content)
