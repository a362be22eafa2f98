"""Decodes the lines of a pipe in their order; a large one does not stop the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable

from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.downstream.wire.messages import Message, decode_message


class IncomingLines:
    """Calls `handle(message, line)` for each line; the message is None if the line is none.

    While a large line is decoded the lines after it wait, and `hold(True)` asks the pipe for no more of them until
    `hold(False)`.
    """

    def __init__(self, handle: Callable[[Message | None, bytes], None], hold: Callable[[bool], None]) -> None:
        self._handle = handle
        self._hold = hold
        self._waiting: deque[bytes] = deque()
        self._decoding: asyncio.Task[None] | None = None

    def put(self, line: bytes) -> None:
        """Handle a line, at once if it is not large and none waits."""
        if self._decoding is not None:
            self._waiting.append(line)
        elif len(line) <= LARGE:
            self._handle(decode_message(line), line)
        else:
            self._hold(True)
            self._decoding = asyncio.get_running_loop().create_task(self._decode(line))

    def after_all(self, done: Callable[[], None]) -> None:
        """Call `done` when every line so far is handled."""
        if self._decoding is None:
            done()
        else:
            self._decoding.add_done_callback(lambda _: self.after_all(done))

    def close(self) -> None:
        """Drop the lines that are not handled yet."""
        self._waiting.clear()
        if self._decoding is not None:
            self._decoding.cancel()

    async def _decode(self, line: bytes) -> None:
        try:
            self._handle(await off_loop(decode_message, line), line)
        finally:
            self._decoding = None
            self._hold(False)
            while self._waiting and self._decoding is None:
                self.put(self._waiting.popleft())
