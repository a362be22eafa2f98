"""Transport `streamable_http`: the downstream is a URL, and every request is one POST."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ambassador_protocol.event_stream import EVENT_STREAM, EventStreamReader
from ambassador_protocol.mcp import SESSION_HEADER, VERSION_HEADER, is_legacy
from ambassador_server.downstream.features.questions import OpenQuestions
from ambassador_server.downstream.http.client import HttpClient, encode_fields
from ambassador_server.downstream.http.connection import NoAnswerError, Response
from ambassador_server.downstream.http.options import (
    JSON,
    HttpOptions,
    drain,
    open_client,
    read_body,
    read_events,
    read_http_options,
    status_text,
)
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import UNCANCELLABLE, Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.wire.messages import (
    LARGEST_MESSAGE,
    Message,
    encode_answer,
    encode_cancelled,
    encode_notification,
    encode_request,
    read_message,
    reply_from,
)
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Ask, Reply

_MAX_BACKGROUND_TASKS = 64
_SEND_SECONDS = 5.0
_DELETE_SECONDS = 2.0
_DRAIN_SECONDS = 1.0
_GATEWAY_FAILURES = frozenset({502, 503, 504})
_FAILURES_TO_OPEN = 3
_POST_FIELDS = encode_fields({"Content-Type": JSON, "Accept": f"{JSON}, {EVENT_STREAM}"})
_LISTEN_FIELDS = encode_fields({"Accept": EVENT_STREAM})

Options = HttpOptions


def check(options: Mapping[str, Any], programs: ProgramSettings) -> None:
    """Raise InvalidInputError for an invalid option."""
    read_http_options("streamable_http", options)


def starts_program() -> bool:
    """Return False: the downstream runs elsewhere."""
    return False


def sandbox(options: Mapping[str, Any], programs: ProgramSettings) -> str | None:
    """Return None: no program is started."""
    return None


def build(options: Mapping[str, Any], hooks: Hooks) -> "StreamableHttpTransport":
    """Return the transport; it connects at the first request."""
    return StreamableHttpTransport(read_http_options("streamable_http", options), hooks)


class StreamableHttpTransport:
    """Requests to one URL; several failures in a row end the transport, as the exit of a process does."""

    mirrors_headers = True

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._options = options
        self._hooks = hooks
        self._http: HttpClient | None = None
        self._numbers = itertools.count(1)
        self._version: str | None = None
        self._session_id: str | None = None
        self._fields = b""
        self._failures = 0
        self._background: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Read the secrets and certificates; connections are opened when they are needed."""
        self._http = open_client(self._options)

    def use_version(self, version: str) -> None:
        """Name this protocol version in every request from now on."""
        self._version = version
        if not self._is_legacy:
            self._session_id = None
        self._rebuild_fields()

    async def request(
        self,
        method: str,
        params: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        ask: Ask | None = None,
    ) -> Reply:
        """Post one request and return its answer, as JSON or at the end of an event stream."""
        number = next(self._numbers)
        # A request for a new session must not name an old one.
        is_new = method == "initialize"
        session_id = None if is_new else self._session_id
        fields = b"" if is_new else self._fields
        if headers:
            fields += encode_fields(headers)
        try:
            response = await self._post(encode_request(number, method, params), fields)
            try:
                return await self._reply(response, number, method, session_id, ask)
            except BaseException:
                response.close()
                raise
        except asyncio.CancelledError:
            # A modern downstream takes the closed connection for the cancellation, a legacy one needs a notification.
            if self._is_legacy and method not in UNCANCELLABLE:
                _ = self._in_background(self._send, encode_cancelled(number))
            raise

    async def notify(self, method: str, params: bytes) -> None:
        """Post one notification."""
        response = await self._post(encode_notification(method, params), self._fields)
        response.close()
        if response.status >= 300:
            raise DownstreamUnavailableError(status_text(response.status))

    async def listen(self) -> bool:
        """Read the stream on which a legacy downstream reports changes, if it has one."""
        if not self._is_legacy:
            return False
        session_id = self._session_id
        response = await self._client().get(_LISTEN_FIELDS + self._fields)
        try:
            _check_session(response, session_id)
            if response.status != 200 or response.kind != EVENT_STREAM:
                return False
            events = EventStreamReader(LARGEST_MESSAGE)
            async for chunk in response.chunks():
                for event in read_events(events, chunk):
                    await self._handle_message(event.data)
        finally:
            response.close()
        return True

    def last_error_line(self) -> str:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ""

    def recent_output(self) -> tuple[str, ...]:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ()

    async def close(self) -> None:
        """End the session and close every connection; requests that still wait fail."""
        self._end("was stopped")
        for task in self._background:
            task.cancel()
        client, self._http = self._http, None
        if client is None:
            return
        try:
            if self._session_id is not None:
                await self._delete_session(client)
        finally:
            await client.close()

    def _client(self) -> HttpClient:
        if self._http is None:
            raise DownstreamUnavailableError(self.ended.result() if self.ended.done() else "is not started")
        return self._http

    @property
    def _is_legacy(self) -> bool:
        return self._version is not None and is_legacy(self._version)

    def _rebuild_fields(self) -> None:
        fields = {VERSION_HEADER: self._version, SESSION_HEADER: self._session_id}
        self._fields = encode_fields({name: value for name, value in fields.items() if value is not None})

    async def _post(self, body: bytes, fields: bytes) -> Response:
        try:
            response = await self._client().post(_POST_FIELDS + fields, body)
        except NoAnswerError as error:
            self._failed(error.message)
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

    async def _reply(
        self, response: Response, number: int, method: str, session_id: str | None, ask: Ask | None
    ) -> Reply:
        _check_session(response, session_id)
        kind = response.kind
        if response.status == 200 and kind == EVENT_STREAM:
            reply = await self._reply_in_stream(response, number, ask)
        elif kind == JSON:
            reply = await self._reply_in_body(await read_body(response), number, response.status)
        else:
            raise _rejection(response.status)
        if method == "initialize":
            self._session_id = response.headers.get(SESSION_HEADER)
            self._rebuild_fields()
        return reply

    async def _reply_in_body(self, body: bytes, number: int, status: int) -> Reply:
        message = await read_message(body)
        if message is None or message.method is not None:
            raise _rejection(status)
        # The answer to a request that the downstream could not parse has no id.
        if message.answers != number and not bytes(message.error):
            raise DownstreamUnavailableError("answered a request that was not asked")
        reply = reply_from(message)
        if status >= 300 and reply.error is None:
            raise _rejection(status)
        return reply

    async def _reply_in_stream(self, response: Response, number: int, ask: Ask | None) -> Reply:
        events = EventStreamReader(LARGEST_MESSAGE)
        questions = OpenQuestions(ask, self._send)
        try:
            async for chunk in response.chunks():
                for event in read_events(events, chunk):
                    reply = await self._handle_message(event.data, number, questions)
                    if reply is not None:
                        self._drain_later(response)
                        return reply
        finally:
            questions.close()
        raise DownstreamUnavailableError("ended its answer before the result")

    async def _handle_message(
        self, data: bytes, number: int | None = None, questions: OpenQuestions | None = None
    ) -> Reply | None:
        message = await read_message(data)
        if message is None:
            return None
        if message.is_notification:
            self._hooks.notified(message.method or "", bytes(message.params))
        elif message.is_request and questions is not None:
            questions.put(message)
        elif message.is_request:
            _ = self._in_background(self._send, encode_answer(message))
        elif number is not None and self._is_answer_to(message, number):
            return reply_from(message)
        return None

    @staticmethod
    def _is_answer_to(message: Message, number: int) -> bool:
        return message.answers == number or (message.id is None and bool(bytes(message.error)))

    def _drain_later(self, response: Response) -> None:
        """Read the rest of the stream in the background, so that its connection can be reused."""
        if response.is_complete:
            return
        draining = self._in_background(drain, response, _DRAIN_SECONDS)
        if draining is None:
            response.close()
        else:
            # Also when the task is cancelled before it runs; after a complete answer this does nothing.
            draining.add_done_callback(lambda _: response.close())

    def _in_background(
        self, work: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> asyncio.Task[None] | None:
        """Run a task in the background; returns None and runs nothing when too many run already."""
        if len(self._background) >= _MAX_BACKGROUND_TASKS:
            return None
        task = asyncio.get_running_loop().create_task(work(*args))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _send(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                response = await self._client().post(_POST_FIELDS + self._fields, message)
                response.close()
        except (TimeoutError, DownstreamUnavailableError):
            return

    async def _delete_session(self, client: HttpClient) -> None:
        try:
            async with asyncio.timeout(_DELETE_SECONDS):
                response = await client.delete(self._fields)
                response.close()
        except (TimeoutError, DownstreamUnavailableError):
            return


def _check_session(response: Response, session_id: str | None) -> None:
    if response.status == 404 and session_id is not None:
        raise SessionLostError(session_id)


def _rejection(status: int) -> DownstreamUnavailableError:
    if status in _GATEWAY_FAILURES:
        return DownstreamUnavailableError(status_text(status))
    return RejectedError(status_text(status) if status >= 300 else "answered with something that is not MCP")
