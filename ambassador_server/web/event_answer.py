"""A response that becomes a stream of Server-Sent Events if messages are sent before the reply."""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.json_text import on_one_line
from ambassador_server.web.listener_bounds import reset

_MOST_PENDING: Final = 64
"""How many notifications wait for a slow reader; beyond that, a new one replaces the oldest."""

EVENT_HEADERS: Final = {"Content-Type": EVENT_STREAM, "X-Accel-Buffering": "no"}
"""The headers of every event stream; `X-Accel-Buffering` tells proxies not to buffer it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    """A message that has not been written yet."""

    content: bytes
    droppable: bool


class EventAnswer:
    """Starts the stream with the first message; leaving the `with` block stops writing pending messages."""

    __slots__ = ("_droppable", "_pending", "_request", "_response", "_writing")

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response: web.StreamResponse | None = None
        self._pending: deque[_Pending] | None = None
        self._droppable = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Tell whether a message was sent, so that the reply must be an event, too."""
        return self._pending is not None

    def tell(self, message: bytes) -> None:
        """Queue a notification and return; if too many are queued, the oldest is dropped."""
        if self._droppable >= _MOST_PENDING and self._pending is not None:
            self._pending.remove(next(each for each in self._pending if each.droppable))
            self._droppable -= 1
        self._droppable += 1
        self._put(_Pending(message, droppable=True))

    def ask(self, message: bytes) -> None:
        """Queue a request and return; it is never dropped, so the caller must limit how many it queues."""
        self._put(_Pending(message, droppable=False))

    async def end(self, reply: bytes) -> web.StreamResponse:
        """Send the pending messages, then the reply if there is one, without a time limit."""
        if self._writing is not None:
            await self._writing
        response = await self._prepared()
        # The reader may have closed the connection.
        with suppress(ConnectionError):
            if reply:
                await response.write(_event(reply))
            await response.write_eof()
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
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
                await response.write(_event(message.content))

    async def _prepared(self) -> web.StreamResponse:
        if self._response is None:
            self._response = web.StreamResponse(headers=EVENT_HEADERS)
            await self._response.prepare(self._request)
        return self._response


def _event(message: bytes) -> bytes:
    # A line end in the data would end the event.
    return b"data: " + on_one_line(message) + b"\n\n"
