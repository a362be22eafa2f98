"""Transport `streamable_http`: the downstream is a URL, every request is one POST."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ambassador_protocol.mcp import SESSION_HEADER, VERSION_HEADER, is_legacy
from ambassador_server.downstream.http_client import (
    EVENT_STREAM,
    FAILURES,
    JSON,
    HttpOptions,
    content_kind,
    drain,
    failure_text,
    open_session,
    read_body,
    read_http_options,
    status_text,
)
from ambassador_server.downstream.interface import UNCANCELLABLE, Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.messages import (
    LARGEST_MESSAGE,
    Message,
    decode_message,
    encode_answer,
    encode_cancelled,
    encode_notification,
    encode_request,
    reply_from,
)
from ambassador_server.downstream.sse import EventReader
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.downstream import Reply

_LARGEST_ERRANDS = 64
_ERRAND_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
_DRAIN_SECONDS = 1.0
_GATEWAY_FAILURES = frozenset({502, 503, 504})
_FAILURES_TO_OPEN = 3

Options = HttpOptions


def check(options: Mapping[str, Any]) -> None:
    """Raise InvalidInputError for options that make no sense."""
    read_http_options("streamable_http", options)


def build(options: Mapping[str, Any], hooks: Hooks) -> "StreamableHttpTransport":
    """Return the transport; nothing is sent before the first request."""
    return StreamableHttpTransport(read_http_options("streamable_http", options), hooks)


class StreamableHttpTransport:
    """Requests to one URL; several failures in a row without an answer end it, like the exit of a process."""

    mirrors_headers = True

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._options = options
        self._hooks = hooks
        self._url = URL(options.url)
        self._http: aiohttp.ClientSession | None = None
        self._numbers = itertools.count(1)
        self._version: str | None = None
        self._session_id: str | None = None
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._failures = 0
        self._errands: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Get the secrets and certificates; connections are made when they are needed."""
        self._http = open_session(self._options)

    def adopt(self, version: str) -> None:
        """Name this protocol version in every request from now on."""
        self._version = version
        if not self._is_legacy:
            self._session_id = None
        self._rebuild_headers()

    async def request(self, method: str, params: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Post one request and return its answer, as JSON or at the end of an event stream."""
        number = next(self._numbers)
        try:
            response = await self._post(
                encode_request(number, method, params), self._headers_of(method, headers)
            )
            try:
                return await self._reply(response, number, method)
            except BaseException:
                response.close()
                raise
        except asyncio.CancelledError:
            # Closing the connection is the cancellation, except for a legacy downstream.
            if self._is_legacy and method not in UNCANCELLABLE:
                _ = self._later(self._send, encode_cancelled(number))
            raise
        except FAILURES as error:
            raise DownstreamUnavailableError(failure_text(error)) from None

    async def notify(self, method: str, params: bytes) -> None:
        """Post one notification."""
        try:
            response = await self._post(encode_notification(method, params), self._headers)
            response.release()
        except FAILURES as error:
            raise DownstreamUnavailableError(failure_text(error)) from None
        if response.status >= 300:
            raise DownstreamUnavailableError(status_text(response.status))

    async def listen(self) -> bool:
        """Hold the stream on which a legacy downstream reports changes, if it has one."""
        if not self._is_legacy:
            return False
        headers = CIMultiDict(self._headers)
        headers["Accept"] = EVENT_STREAM
        try:
            async with self._session().get(self._url, headers=headers, allow_redirects=False) as response:
                self._check_session(response)
                if response.status != 200 or content_kind(response) != EVENT_STREAM:
                    return False
                events = EventReader(LARGEST_MESSAGE)
                async for chunk in response.content.iter_any():
                    for data in events.feed(chunk):
                        self._take(data, None)
        except FAILURES as error:
            raise DownstreamUnavailableError(failure_text(error)) from None
        return True

    def last_words(self) -> str:
        """Return nothing: over HTTP all that comes is MCP."""
        return ""

    def recent_output(self) -> tuple[str, ...]:
        """Return nothing: over HTTP all that comes is MCP."""
        return ()

    async def close(self) -> None:
        """Say goodbye to the session and close every connection; whoever still waits fails."""
        self._end("was stopped")
        for errand in self._errands:
            errand.cancel()
        if self._http is None or self._http.closed:
            return
        try:
            if self._session_id is not None:
                await self._say_goodbye(self._http)
        finally:
            await self._http.close()

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            raise DownstreamUnavailableError(self.ended.result() if self.ended.done() else "is not started")
        return self._http

    @property
    def _is_legacy(self) -> bool:
        return self._version is not None and is_legacy(self._version)

    def _headers_of(self, method: str, mirrored: Mapping[str, str] | None) -> CIMultiDict[str]:
        if method == "initialize":
            # A new session: nothing of an old one may be named.
            return CIMultiDict()
        if not mirrored:
            return self._headers
        headers = CIMultiDict(self._headers)
        headers.update(mirrored)
        return headers

    def _rebuild_headers(self) -> None:
        self._headers = CIMultiDict()
        if self._version is not None:
            self._headers[VERSION_HEADER] = self._version
        if self._session_id is not None:
            self._headers[SESSION_HEADER] = self._session_id

    async def _post(self, body: bytes, headers: CIMultiDict[str]) -> aiohttp.ClientResponse:
        session = self._session()
        try:
            response = await session.post(self._url, data=body, headers=headers, allow_redirects=False)
        except FAILURES as error:
            self._failed(failure_text(error))
            raise
        if response.status in _GATEWAY_FAILURES:
            self._failed(status_text(response.status))
        else:
            self._failures = 0
        return response

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            self._end(reason)

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    async def _reply(self, response: aiohttp.ClientResponse, number: int, method: str) -> Reply:
        self._check_session(response)
        kind = content_kind(response)
        if response.status == 200 and kind == EVENT_STREAM:
            reply = await self._reply_in_stream(response, number)
        elif kind == JSON:
            reply = self._reply_in_body(await read_body(response), number, response.status)
        else:
            raise _rejection(response.status)
        if method == "initialize":
            self._session_id = response.headers.get(SESSION_HEADER)
            self._rebuild_headers()
        return reply

    def _check_session(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 404:
            return
        session_id = response.request_info.headers.get(SESSION_HEADER)
        if session_id is not None:
            raise SessionLostError(session_id)

    def _reply_in_body(self, body: bytes, number: int, status: int) -> Reply:
        message = decode_message(body)
        if message is None or message.method is not None:
            raise _rejection(status)
        # An error about a request that could not be read has no id to name.
        if message.id != number and not bytes(message.error):
            raise DownstreamUnavailableError("answered a request that was not asked")
        reply = reply_from(message)
        if status >= 300 and reply.error is None:
            raise _rejection(status)
        return reply

    async def _reply_in_stream(self, response: aiohttp.ClientResponse, number: int) -> Reply:
        events = EventReader(LARGEST_MESSAGE)
        async for chunk in response.content.iter_any():
            for data in events.feed(chunk):
                reply = self._take(data, number)
                if reply is not None:
                    self._drain_later(response)
                    return reply
        raise DownstreamUnavailableError("ended its answer before the result")

    def _take(self, data: bytes, number: int | None) -> Reply | None:
        message = decode_message(data)
        if message is None:
            return None
        if message.is_notification:
            self._hooks.notified(message.method or "", bytes(message.params))
        elif message.is_request:
            _ = self._later(self._send, encode_answer(message))
        elif number is not None and self._answers(message, number):
            return reply_from(message)
        return None

    @staticmethod
    def _answers(message: Message, number: int) -> bool:
        return message.id == number or (message.id is None and bool(bytes(message.error)))

    def _drain_later(self, response: aiohttp.ClientResponse) -> None:
        """See to it that the connection is used again if the stream ends soon, and closed if it does not."""
        if response.content.is_eof():
            return
        draining = self._later(drain, response, _DRAIN_SECONDS)
        if draining is None:
            response.close()
        else:
            # Whatever becomes of the errand, even if it never gets to run; after a whole read this does nothing.
            draining.add_done_callback(lambda _: response.close())

    def _later(
        self, errand: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> asyncio.Task[None] | None:
        """Run something nobody waits for, unless the downstream has already caused too much of that."""
        if len(self._errands) >= _LARGEST_ERRANDS:
            return None
        task = asyncio.get_running_loop().create_task(errand(*args))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    async def _send(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(_ERRAND_SECONDS):
                response = await self._session().post(
                    self._url, data=message, headers=self._headers, allow_redirects=False
                )
                response.release()
        except (TimeoutError, DownstreamUnavailableError, *FAILURES):
            return

    async def _say_goodbye(self, http: aiohttp.ClientSession) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                response = await http.delete(self._url, headers=self._headers, allow_redirects=False)
                response.release()
        except (TimeoutError, *FAILURES):
            return


def _rejection(status: int) -> DownstreamUnavailableError:
    if status in _GATEWAY_FAILURES:
        return DownstreamUnavailableError(status_text(status))
    return RejectedError(status_text(status) if status >= 300 else "answered with something that is not MCP")
