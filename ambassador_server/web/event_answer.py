"""Responses that are streams of Server-Sent Events, from the beginning or if messages are sent before the reply."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.json_text import on_one_line
from ambassador_server.ports.face import Event, EventStream, FirstEvent
from ambassador_server.web.http_server import HttpConnection
from ambassador_server.web.keep_alive import COMMENT, KeepAlive
from ambassador_server.web.listener_bounds import reset

_MOST_PENDING: Final = 64
"""How many notifications wait for a slow reader; beyond that, a new one replaces the oldest."""

EVENT_HEADERS: Final = {"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"}
"""The headers of every event stream; `X-Accel-Buffering` tells proxies not to buffer it."""


RETRY_MILLISECONDS: Final = 1000
"""How long a host waits before it resumes a stream that broke."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A piece of the stream that has not been written yet."""

    content: bytes
    droppable: bool


class EventAnswer:
    """Starts the stream with the first message; leaving the `with` block stops writing pending messages.

    A stream also begins when the answer is waited for so long that the connection has to be kept alive.
    """

    __slots__ = (
        "_droppable",
        "_first_event",
        "_is_quiet",
        "_keep_alive",
        "_pending",
        "_request",
        "_response",
        "_writing",
    )

    def __init__(self, request: web.Request, keep_alive: KeepAlive) -> None:
        self._request = request
        self._keep_alive = keep_alive
        self._first_event: FirstEvent | None = None
        self._is_quiet = False
        self._response: web.StreamResponse | None = None
        self._pending: deque[_Pending] | None = None
        self._droppable = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Tell whether a message was sent, so that the reply must be an event, too."""
        return self._pending is not None

    def tell(self, event: Event) -> None:
        """Queue a notification and return; if too many are queued, the oldest is dropped."""
        if self._droppable >= _MOST_PENDING and self._pending is not None:
            self._pending.remove(next(each for each in self._pending if each.droppable))
            self._droppable -= 1
        self._droppable += 1
        self._put(_Pending(encode_event(event), droppable=True))

    def ask(self, event: Event) -> None:
        """Queue a request and return; it is never dropped, so the caller must limit how many it queues."""
        self._put(_Pending(encode_event(event), droppable=False))

    def outlive(self, first_event: FirstEvent) -> None:
        """Let the request go on for a while if its connection is lost; `first_event` begins the stream."""
        self._first_event = first_event
        if isinstance(self._request.protocol, HttpConnection):
            self._request.protocol.outlive()

    def keep_alive(self) -> None:
        """Send a comment, unless something was sent since the last time."""
        if self._is_quiet and not self._pending:
            if self._pending is None and self._first_event is not None and (first := self._first_event()):
                self._put(_Pending(encode_event(first), droppable=False))
            else:
                self._put(_Pending(COMMENT, droppable=False))
        self._is_quiet = True

    async def end(self, reply: Event) -> web.StreamResponse:
        """Send the pending messages, then the reply if there is one, without a time limit."""
        if self._writing is not None:
            await self._writing
        response = await self._prepared()
        # The reader may have closed the connection.
        with suppress(ConnectionError):
            if reply.message:
                await response.write(encode_event(reply))
            await response.write_eof()
        return response

    def __enter__(self) -> Self:
        self._keep_alive.waiting.add(self)
        if not self._keep_alive.is_running:
            self._keep_alive.run()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._keep_alive.waiting.discard(self)
        if self._writing is not None:
            self._writing.cancel()
        if error is not None and self.has_begun and self._request.transport is not None:
            # Part of the response has been sent, so an error response is impossible.
            reset(self._request.transport)

    def _put(self, message: "_Pending") -> None:
        if self._pending is None:
            self._pending = deque()
        self._pending.append(message)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(self._pending))

    async def _write(self, pending: "deque[_Pending]") -> None:
        with suppress(ConnectionError):
            response = await self._prepared()
            while pending:
                message = pending.popleft()
                self._droppable -= message.droppable
                self._is_quiet = False
                await response.write(message.content)

    async def _prepared(self) -> web.StreamResponse:
        if self._response is None:
            self._response = web.StreamResponse(headers=EVENT_HEADERS)
            await self._response.prepare(self._request)
        return self._response


async def send_events(request: web.Request, stream: EventStream, keep_alive: KeepAlive) -> web.StreamResponse:
    """Send the events of a stream until it ends or the connection is lost, and comments while there are none."""
    response = web.StreamResponse(headers=EVENT_HEADERS)
    try:
        await response.prepare(request)
        # Sent at once, so that the client knows that the stream is open.
        await response.write(COMMENT)
        while True:
            try:
                async with asyncio.timeout(keep_alive.seconds):
                    events = await stream.next()
            except TimeoutError:
                await response.write(COMMENT)
                continue
            if not events:
                break
            await response.write(b"".join(map(encode_event, events)))
        await response.write_eof()
    except ConnectionError:
        return response
    finally:
        stream.close()
    return response


def encode_event(event: Event) -> bytes:
    """Return the text of an event; one without a message tells from where, and how soon, a host can resume."""
    head = b"id: " + event.id.encode() + b"\n" if event.id else b""
    if not event.message:
        return head + b"retry: %d\ndata: \n\n" % RETRY_MILLISECONDS
    # A line end in the data would end the event.
    return head + b"data: " + on_one_line(event.message) + b"\n\n"
