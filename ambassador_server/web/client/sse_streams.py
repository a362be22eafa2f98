"""The open streams of hosts that speak the HTTP+SSE of 2024-11-05: each is one session, and ends with its calls."""

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from ambassador_protocol.json_text import on_one_line
from ambassador_server.domain.people.principals import Principal
from ambassador_server.errors import OverloadedError, ServerStoppingError
from ambassador_server.ports.face import Event, FaceReply

MOST_PER_KEY: Final = 100
"""How many streams the hosts of one client key may have open."""
MOST_CALLS: Final = 64
"""How many messages of one stream may be served at a time."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""The bytes that wait for the reader of a stream when it is cut off; one answer may be as large."""
MOST_BYTES_IN_ALL: Final = 256 * 1024 * 1024
"""The bytes that wait for the readers of all streams when the first of them is cut off."""
_MOST_NOTICES: Final = 64
KEEP_ALIVE: Final = b": keep-alive\n\n"


def _count_nothing(_: int) -> None:
    """Count nothing, for a stream of its own."""


class SseStream:
    """One session: the messages that wait for its reader, and the calls that run in it."""

    def __init__(self, principal: Principal, count: Callable[[int], None] = _count_nothing) -> None:
        self.stream_id = secrets.token_urlsafe(24)
        self.owner = (principal.key_id, principal.session_id)
        self.conversation_id: str | None = None
        self.has_ended = False
        self.is_cut_off = False
        """Whether it ended because its host did not read."""
        self._is_draining = False
        self._calls: set[asyncio.Task[FaceReply | None]] = set()
        self._attached: asyncio.Task[None] | None = None
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._notices = 0
        self.waiting_bytes = 0
        self._count = count
        self._changed = asyncio.Event()

    def tell(self, event: Event) -> None:
        """Queue a notification; of many that wait the oldest is dropped."""
        if self._notices >= _MOST_NOTICES:
            oldest = next(each for each in self._waiting if each[1])
            self._waiting.remove(oldest)
            self._removed(*oldest)
        self._put(event.message, is_notice=True)

    def send(self, message: bytes) -> None:
        """Queue an answer or a question, which are never dropped."""
        self._put(message, is_notice=False)

    def start(self, serving: Coroutine[Any, Any, FaceReply | None]) -> asyncio.Task[FaceReply | None]:
        """Serve a message as long as the stream is open; raises OverloadedError and ServerStoppingError."""
        if len(self._calls) >= MOST_CALLS or self._is_draining or self.has_ended:
            serving.close()
            if len(self._calls) >= MOST_CALLS:
                raise OverloadedError(f"{MOST_CALLS} messages of this stream are being served already")
            raise ServerStoppingError("The stream is ending")
        call = asyncio.get_running_loop().create_task(serving)
        self._calls.add(call)
        call.add_done_callback(self._finished)
        return call

    def attach(self, work: Coroutine[Any, Any, None]) -> None:
        """Run this until the stream ends, instead of what was attached before."""
        if self.has_ended:
            work.close()
            return
        if self._attached is not None:
            self._attached.cancel()
        self._attached = asyncio.get_running_loop().create_task(work)

    async def next_event(self, seconds: float) -> bytes:
        """Return the next event, a comment if none comes within so many seconds, and nothing at the end."""
        if not self._waiting and not self.has_ended:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        if not self._waiting:
            return b"" if self.has_ended else KEEP_ALIVE
        message, is_notice = self._waiting.popleft()
        self._removed(message, is_notice)
        return b"event: message\ndata: " + on_one_line(message) + b"\n\n"

    def drain(self) -> None:
        """Serve no further messages, and end when the running calls are answered."""
        self._is_draining = True
        self._end_if_drained()

    def end(self) -> None:
        """Cancel the calls and forget what waits for the reader."""
        self.has_ended = True
        while self._waiting:
            self._removed(*self._waiting.popleft())
        self._changed.set()
        for task in (*self._calls, *filter(None, [self._attached])):
            task.cancel()

    def cut_off(self) -> None:
        """End the stream, because its host does not read."""
        self.is_cut_off = True
        self.end()

    def _put(self, message: bytes, *, is_notice: bool) -> None:
        if self.has_ended:
            return
        if self.waiting_bytes > MOST_BYTES:
            self.cut_off()
            return
        self._waiting.append((message, is_notice))
        self._notices += is_notice
        self._changed.set()
        self.waiting_bytes += len(message)
        self._count(len(message))

    def _removed(self, message: bytes, is_notice: bool) -> None:
        self._notices -= is_notice
        self.waiting_bytes -= len(message)
        self._count(-len(message))

    def _finished(self, call: asyncio.Task[FaceReply | None]) -> None:
        self._calls.discard(call)
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._is_draining and not self._calls:
            # What waits for the reader is sent before the end.
            self.has_ended = True
            self._changed.set()


class SseStreams:
    """The open streams by their id, which is valid only for the principal that opened the stream.

    When too much waits for the readers of all, those of whom the most waits are cut off.
    """

    def __init__(self) -> None:
        self._streams: dict[str, SseStream] = {}
        self._waiting_bytes = 0
        self._of_key: Counter[str] = Counter()

    def open(self, principal: Principal) -> SseStream:
        """Open a stream; raises OverloadedError."""
        if self._of_key[principal.key_id] >= MOST_PER_KEY:
            raise OverloadedError(f"{MOST_PER_KEY} streams of this client key are open already")
        stream = SseStream(principal, self._count)
        self._streams[stream.stream_id] = stream
        self._of_key[principal.key_id] += 1
        return stream

    def find(self, stream_id: str, principal: Principal) -> SseStream | None:
        """Return the stream with this id if it is one of this principal."""
        stream = self._streams.get(stream_id)
        return (
            stream
            if stream is not None and stream.owner == (principal.key_id, principal.session_id)
            else None
        )

    def close(self, stream: SseStream) -> None:
        """Forget a stream and cancel its calls."""
        del self._streams[stream.stream_id]
        key_id = stream.owner[0]
        self._of_key[key_id] -= 1
        if not self._of_key[key_id]:
            del self._of_key[key_id]
        stream.end()

    def _count(self, added: int) -> None:
        self._waiting_bytes += added
        while self._waiting_bytes > MOST_BYTES_IN_ALL:
            max(self._streams.values(), key=lambda stream: stream.waiting_bytes).cut_off()

    def drain(self) -> None:
        """End every stream when its running calls are answered."""
        for stream in tuple(self._streams.values()):
            stream.drain()
