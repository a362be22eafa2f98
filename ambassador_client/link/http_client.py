"""An asyncio HTTP client for one server: a bounded pool of kept-alive connections, responses and event streams."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import h11

from ambassador_client.errors import (
    CertificateRefusedError,
    TooLargeError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.link.http_connection import Dial, HttpConnection, ServerAddress, StaleConnectionError
from ambassador_protocol.event_stream import EventStreamReader, EventTooLargeError
from ambassador_protocol.mcp import MAX_CALL_SECONDS

_DISCARD_SECONDS = 1.0
_MAX_RETRY_SECONDS = 60.0
_IDLE_SECONDS = 30.0  # shorter than servers and load balancers keep idle connections


def _clocks() -> tuple[float, float]:
    """Return two times in seconds: the first stops while the machine sleeps, the second may be set."""
    return time.monotonic(), time.time()


class HttpLimits(NamedTuple):
    """Limits of one client. Times are in seconds.

    `answer` bounds each pause within a response, `control` a whole control request. `priority` is the number of
    connections reserved for priority requests; `buffered_bytes` bounds the unread responses together.
    """

    connections: int = 64
    priority: int = 8
    answer_bytes: int = 64 << 20
    buffered_bytes: int = 256 << 20
    connect: float = 10.0
    # Longer than the server's own limit; TCP keep-alive and heartbeats detect a dead server earlier.
    answer: float = MAX_CALL_SECONDS + 60.0
    control: float = 15.0


class HttpRequest(NamedTuple):
    """One HTTP request; `replayable` means that it may run twice."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""
    replayable: bool = True


class BufferedResponse(NamedTuple):
    """A complete response with its body."""

    status: int
    content_type: str
    retry_after: str | None
    body: bytes


class _MemoryBudget:
    """Counts the bytes of responses in memory and refuses more than the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0

    def adjust(self, difference: int) -> None:
        """Add a positive or negative number of bytes; raises TooLargeError above the limit."""
        self._bytes += difference
        if difference > 0 and self._bytes > self._limit:
            cause = (
                f"the answers being sent to the application are larger than {self._limit >> 20} MB together"
            )
            raise TooLargeError(cause, "Ask for less at once.")


class Response:
    """A response whose head has arrived; its body is read once, by `read` or by `events`."""

    def __init__(
        self, head: h11.Response, connection: HttpConnection, limits: HttpLimits, budget: _MemoryBudget
    ) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in head.headers}
        self.status = head.status_code
        self.content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        self.retry_after = headers.get(b"retry-after")
        self.mcp_session = headers.get(b"mcp-session-id")
        self._connection = connection
        self._limits = limits
        self._budget = budget
        self._buffered = 0
        self._events = EventStreamReader(limits.answer_bytes)

    @property
    def last_event_id(self) -> str:
        """Return the last event id of the stream, or an empty string."""
        return self._events.last_id

    @property
    def retry_seconds(self) -> float:
        """Return the wait in seconds before a reconnection that the stream asked for."""
        return min(self._events.retry_seconds, _MAX_RETRY_SECONDS)

    async def read(self) -> BufferedResponse:
        """Return the complete response; raises TooLargeError above the limit, UnreachableError if it breaks off."""
        pieces: list[bytes] = []
        size = 0
        while (piece := await self._connection.receive(self._limits.answer)) is not None:
            size += len(piece)
            self._set_buffered(size)
            if size > self._limits.answer_bytes:
                most = self._limits.answer_bytes >> 20
                raise TooLargeError(f"the server's answer is larger than {most} MB", "Ask for less at once.")
            pieces.append(piece)
        return BufferedResponse(self.status, self.content_type, self.retry_after, b"".join(pieces))

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the data of each event as it arrives; raises UnreachableError if the stream breaks off or times out."""
        while (piece := await self._connection.receive(self._limits.answer)) is not None:
            try:
                events = self._events.feed(piece)
            except EventTooLargeError as error:
                raise TooLargeError(f"the server sent {error}", "Ask for less at once.") from None
            self._set_buffered(self._events.size + sum(len(event.data) for event in events))
            for event in events:
                if event.data:
                    yield event.data

    async def discard(self) -> None:
        """Read the rest within one second, so that the connection can be reused."""
        with suppress(TimeoutError, UnreachableError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                while await self._connection.receive(None) is not None:
                    pass

    def release(self) -> None:
        """Remove this response from the memory budget."""
        self._set_buffered(0)

    def _set_buffered(self, size: int) -> None:
        difference, self._buffered = size - self._buffered, size
        self._budget.adjust(difference)


class HttpClient:
    """An HTTP client for one server.

    `tls_factory` creates the TLS context if `tls` is None; it may block and is called again after a certificate error.
    """

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext | None,
        limits: HttpLimits | None = None,
        *,
        tls_factory: Callable[[], ssl.SSLContext | None] | None = None,
        dial: Dial | None = None,
    ) -> None:
        self._limits = limits or HttpLimits()
        self._address = ServerAddress.of(url, tls, dial)
        self._tls_factory = tls_factory
        self._tls_lock = asyncio.Lock()
        self._slots = asyncio.Semaphore(self._limits.connections)
        self._priority_slots = asyncio.Semaphore(self._limits.priority)
        self._budget = _MemoryBudget(self._limits.buffered_bytes)
        self._idle: list[tuple[tuple[float, float], HttpConnection]] = []

    @property
    def url(self) -> str:
        """Return the base address of the server."""
        return self._address.url

    @asynccontextmanager
    async def exchange(self, request: HttpRequest, *, priority: bool = False) -> AsyncIterator[Response]:
        """Send a request when a connection is free, and yield the response.

        A message that a running call depends on needs `priority`, or both would wait forever. A dead idle
        connection is replaced once, but only for a replayable request: any other may have run. Leaving the block
        early closes the connection, which tells the server to cancel the request.
        """
        slots = self._priority_slots if priority else self._slots
        async with slots, self._open_response(request) as response:
            yield response

    async def fetch(self, request: HttpRequest) -> BufferedResponse:
        """Send a control request outside the queue and return the response; raises UnreachableError on timeout."""
        try:
            async with asyncio.timeout(self._limits.control), self._open_response(request) as response:
                return await response.read()
        except TimeoutError as error:
            self.close()
            cause = f"{self.url} gave no answer within {self._limits.control:g} s"
            raise UnreachableError(cause, "Is the server overloaded or suspended?") from error

    def close(self) -> None:
        """Close the idle connections; after one broke, the others are probably dead, too."""
        while self._idle:
            self._idle.pop()[1].abort()

    def read_tls_again(self) -> None:
        """Let the next connections read the files of certificates again, which may have been replaced."""
        if self._tls_factory is not None and self._address.tls is not None:
            self._address = self._address._replace(tls=None)
            self.close()

    @asynccontextmanager
    async def _open_response(self, request: HttpRequest) -> AsyncIterator[Response]:
        connection, head = await self._send(request)
        response = Response(head, connection, self._limits, self._budget)
        try:
            yield response
        except UnreachableError:
            self.close()
            raise
        finally:
            response.release()
            if connection.reset_for_reuse():
                self._idle.append((_clocks(), connection))
            else:
                connection.abort()

    async def _send(self, request: HttpRequest) -> tuple[HttpConnection, h11.Response]:
        connection = self._take_idle()
        if connection is not None:
            try:
                return connection, await self._ask(connection, request)
            except StaleConnectionError:
                if not request.replayable:
                    raise
        connection = await self._connect()
        return connection, await self._ask(connection, request)

    async def _connect(self) -> HttpConnection:
        if self._tls_factory is not None and self._address.tls is None and self._address.is_encrypted:
            async with self._tls_lock:
                if self._address.tls is None:
                    self._address = self._address._replace(tls=await asyncio.to_thread(self._tls_factory))
        try:
            return await HttpConnection.open(self._address, self._limits.connect)
        except (UntrustedCertificateError, CertificateRefusedError):
            self.read_tls_again()  # the CA file or the client certificate may have been replaced
            raise

    async def _ask(self, connection: HttpConnection, request: HttpRequest) -> h11.Response:
        try:
            return await connection.send(
                request.method,
                request.path,
                request.headers,
                request.body,
                timeout=self._limits.answer,
                replayable=request.replayable,
            )
        except BaseException as error:
            connection.abort()
            if isinstance(error, UnreachableError):
                self.close()
            if isinstance(error, CertificateRefusedError):
                self.read_tls_again()  # the answer to our part of the handshake is read with that to the request
            raise

    def _take_idle(self) -> HttpConnection | None:
        now = _clocks()
        while self._idle and _elapsed(self._idle[0][0], now) > _IDLE_SECONDS:
            self._idle.pop(0)[1].abort()
        while self._idle:
            _, connection = self._idle.pop()
            if connection.is_open():
                return connection
            connection.abort()
        return None


def _elapsed(then: tuple[float, float], now: tuple[float, float]) -> float:
    """Return the seconds between two readings, by the clock that advanced more, so that a sleep counts."""
    return max(abs(late - early) for early, late in zip(then, now, strict=True))
