"""What the proxy has to say to people, on standard error, where nobody may be reading it."""

import os
import select
import sys
import threading
from contextlib import suppress
from typing import Final

_STDERR: Final = 2
_WAIT_SECONDS: Final = 0.1


class Reporter:
    """Writes lines for people to standard error, each once in a row.

    A host that never reads them must not stop the relay with a full pipe. Where a pipe cannot be asked whether it has
    room, which is on Windows, a thread writes, and while one is stuck nothing more is said.
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
