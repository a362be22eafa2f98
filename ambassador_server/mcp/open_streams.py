"""The event streams that are open to hosts: what they have not read yet waits here, and all of it is bounded."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final

from ambassador_server.errors import OverloadedError, ServerStoppingError
from ambassador_server.ports.face import Event

MOST: Final = 8192
"""How many streams may be open in all."""
MOST_PER_KEY: Final = 256
"""How many streams may be open with one client key."""
MOST_WAITING: Final = 256
"""How many messages may wait for the reader of a stream; beyond that the stream ends, and its host lists again."""


class OpenStream:
    """One stream; implements `ports.face.EventStream`. `last_message` is its last message if the server ends it."""

    def __init__(self, streams: "OpenStreams", key_id: str, last_message: bytes) -> None:
        self.key_id = key_id
        self._streams = streams
        self._last_message = last_message
        self._waiting: deque[Event] = deque()
        self._has_ended = False
        self._wake = asyncio.Event()
        self._when_closed: list[Callable[[], None]] = []

    def when_closed(self, act: Callable[[], None]) -> None:
        """Call `act` when the stream is closed."""
        self._when_closed.append(act)

    def put(self, event: Event) -> None:
        """Send an event. One that waits already, and says the same, is not sent twice."""
        if self._has_ended or event in self._waiting:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.end()
            return
        self._waiting.append(event)
        self._wake.set()

    def put_first(self, event: Event) -> None:
        """Send an event before all that wait."""
        self._waiting.appendleft(event)
        self._wake.set()

    def end(self) -> None:
        """End the stream after what waits, and after the last message if there is one."""
        if not self._has_ended:
            self._has_ended = True
            if self._last_message:
                self._waiting.append(Event(self._last_message))
            self._wake.set()

    async def next(self) -> Sequence[Event]:
        """Wait for events and return all that have come; none at the end of the stream."""
        while not self._waiting and not self._has_ended:
            self._wake.clear()
            await self._wake.wait()
        found = tuple(self._waiting)
        self._waiting.clear()
        return found

    def close(self) -> None:
        """Free what belongs to the stream."""
        self._has_ended = True
        acts, self._when_closed = self._when_closed, []
        for act in acts:
            act()
        self._streams.forget(self)


class OpenStreams:
    """Opens streams, within the bounds, and ends them all when the server stops."""

    def __init__(self) -> None:
        self._open: dict[OpenStream, None] = {}
        self._per_key: Counter[str] = Counter()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._open)

    def open(self, key_id: str, last_message: bytes = b"") -> OpenStream:
        """Open a stream. Raises OverloadedError if too many are open, and ServerStoppingError."""
        if self._is_closed:
            raise ServerStoppingError("The server is shutting down")
        if len(self._open) >= MOST or self._per_key[key_id] >= MOST_PER_KEY:
            raise OverloadedError(f"Too many event streams are open: at most {MOST_PER_KEY} with one key")
        stream = OpenStream(self, key_id, last_message)
        self._open[stream] = None
        self._per_key[key_id] += 1
        return stream

    def forget(self, stream: OpenStream) -> None:
        """Count a stream no longer."""
        if stream in self._open:
            del self._open[stream]
            self._per_key[stream.key_id] -= 1
            if not self._per_key[stream.key_id]:
                del self._per_key[stream.key_id]

    def close(self) -> None:
        """End every stream, and open none from now on."""
        self._is_closed = True
        for stream in tuple(self._open):
            stream.end()
