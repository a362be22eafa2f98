"""One HTTP connection: writes a request, reads the answer with aiohttp's parser, and reports when it is free again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Protocol, cast

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpResponseParser, RawResponseMessage
from multidict import CIMultiDictProxy

from ambassador_server.errors import DownstreamUnavailableError

# The connection stops reading when twice as many bytes of an answer wait for their reader.
_READ_BUFFER: Final = 256 * 1024
# Up to this size joining head and body is cheaper than writing them separately.
_MAX_JOINED: Final = 64 * 1024
_SWITCHING_PROTOCOLS: Final = 101


class NoAnswerError(DownstreamUnavailableError):
    """No valid HTTP answer came; the request may have run, so it is never repeated."""


class ConnectionOwner(Protocol):
    """Is told when a connection opens, becomes free and closes."""

    def opened(self, connection: "Connection") -> None:
        """Note a connection that is ready for its first request."""
        ...

    def released(self, connection: "Connection") -> None:
        """Accept a used connection that is ready for another request."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that is closed."""
        ...


class Response:
    """An answer whose head has arrived; the body is read once, as a whole or in chunks.

    `kind` is the media type without its parameters.
    """

    __slots__ = ("_connection", "_payload", "headers", "kind", "status")

    def __init__(self, message: RawResponseMessage, payload: StreamReader, connection: "Connection") -> None:
        self.status = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.kind = message.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self._payload = payload
        self._connection = connection

    @property
    def is_complete(self) -> bool:
        """Tell whether all of the body has arrived, read or not."""
        return self._payload.is_eof()

    def read_now(self, limit: int) -> bytes | None:
        """Return the whole body if it has arrived and is no longer than `limit` bytes, which most answers are."""
        if self._payload.is_eof() and self._payload.total_bytes <= limit:
            return self._payload.read_nowait()
        return None

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises DownstreamUnavailableError beyond `limit` bytes."""
        arrived = self.read_now(limit)
        if arrived is not None:
            return arrived
        declared = self.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise self._too_long(limit)
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > limit:
                raise self._too_long(limit)
            parts.append(chunk)
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in chunks as they arrive."""
        while chunk := await self._payload.readany():
            yield chunk

    def close(self) -> None:
        """Close the connection unless the whole answer has arrived."""
        if not self._payload.is_eof():
            self._connection.abort()

    def _too_long(self, limit: int) -> DownstreamUnavailableError:
        self.close()
        return DownstreamUnavailableError(f"answered with more than {limit} bytes")


class Connection(asyncio.Protocol):
    """A connection to one downstream; `idle_since` is in seconds of the loop's clock.

    The parser's payload uses `connected`, `pause_reading` and `resume_reading` to slow down a sender that is faster
    than its reader. `pause_writing` is not needed, because the body of a request is in memory already.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: ConnectionOwner) -> None:
        self.idle_since = 0.0
        self._loop = loop
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        # The parser is typed for a BaseProtocol, of which it uses only the members that this class has.
        self._parser = HttpResponseParser(
            cast(BaseProtocol, self), loop, _READ_BUFFER, read_until_eof=True, auto_decompress=False
        )
        self._head: asyncio.Future[Response] | None = None
        self._payload: StreamReader | None = None
        self._is_last = False
        self._is_paused = False

    @property
    def connected(self) -> bool:
        """Tell whether bytes may still arrive."""
        return self._transport is not None

    @property
    def is_usable(self) -> bool:
        """Tell whether a request may be written."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, head: bytes, body: bytes) -> Response:
        """Send one request and return its answer as soon as the head has arrived; cancelling closes the connection.

        Raises NoAnswerError.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise NoAnswerError("closed the connection without an answer")
        waiter: asyncio.Future[Response] = self._loop.create_future()
        self._head = waiter
        if len(body) <= _MAX_JOINED:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        try:
            return await waiter
        except BaseException:
            # A whole answer may have arrived meanwhile, and another request may use the connection by now.
            if self._head is waiter:
                self.abort()
            elif not waiter.cancelled() and waiter.exception() is None:
                waiter.result().close()
            raise

    def abort(self) -> None:
        """Close at once; a request that waits for its answer raises NoAnswerError."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close an idle connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called by the event loop."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is not a subclass
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of an answer; bytes without a request close the connection. Called by the event loop."""
        if self._head is None and self._payload is None:
            if data:
                self.abort()
            return
        try:
            messages, _, _ = self._parser.feed_data(data)
        except Exception as error:
            self._fail(NoAnswerError("answered with something that is not HTTP"), error)
            return
        for message, payload in messages:
            if message.code == _SWITCHING_PROTOCOLS:
                self._fail(NoAnswerError("wants to speak another protocol than HTTP"), None)
            elif message.code >= 200:
                self._begin_response(message, payload)
        if self._payload is not None and self._payload.is_eof():
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """End an answer without a length, or fail an incomplete one; called by the event loop."""
        payload, self._transport = self._payload, None
        if payload is not None and exc is None and not self._is_paused:
            with suppress(Exception):
                self._parser.feed_eof()
        what = "without an answer" if payload is None else "in the middle of its answer"
        self._fail(NoAnswerError(f"closed the connection {what}"), exc)
        self._owner.lost(self)

    def pause_reading(self) -> None:
        """Stop reading from the downstream until the body is read."""
        self._is_paused = True
        self._parser.pause_reading()
        if self.is_usable and self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read again, first the bytes that arrived before the pause."""
        if not self._is_paused:
            return
        self._is_paused = False
        if resume_parser:
            self.data_received(b"")
        if not self._is_paused and self.is_usable and self._transport is not None:
            self._transport.resume_reading()

    def _begin_response(self, message: RawResponseMessage, payload: StreamReader) -> None:
        waiter, self._head = self._head, None
        if waiter is None:
            # A second answer to one request belongs to no request.
            self._is_last = True
            return
        if waiter.done():
            self.abort()
            return
        self._is_last = message.should_close
        self._payload = payload
        waiter.set_result(Response(message, payload, self))

    def _finish(self) -> None:
        self._payload = None
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._is_last or self._has_surplus() or transport.get_write_buffer_size():
            transport.close()
        else:
            self._owner.released(self)

    def _has_surplus(self) -> bool:
        """Tell whether more bytes came after the end of the answer."""
        try:
            return self._parser.feed_eof() is not None
        except Exception:
            return True

    def _fail(self, error: NoAnswerError, cause: BaseException | None) -> None:
        waiter, self._head = self._head, None
        payload, self._payload = self._payload, None
        error.__cause__ = cause
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        if payload is not None and not payload.is_eof():
            payload.set_exception(error)
        self.abort()
