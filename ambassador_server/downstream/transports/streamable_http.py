"""Transport `streamable_http`: the downstream is a URL, and every request is one POST."""

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from ambassador_protocol.mcp import SESSION_HEADER
from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.downstream.features.log_messages import LOG_MESSAGE
from ambassador_server.downstream.features.questions import CANCELLED, OpenQuestions
from ambassador_server.downstream.http.background import BackgroundTasks
from ambassador_server.downstream.http.client import encode_fields
from ambassador_server.downstream.http.connection import Response
from ambassador_server.downstream.http.declared_credentials import check_credentials_of_requests
from ambassador_server.downstream.http.endpoint import SEND_SECONDS, Endpoint
from ambassador_server.downstream.http.lost_sessions import (
    Answer,
    denies_session,
    is_certain,
    is_doubtful,
    proves_nothing_ran,
    refuses_credentials,
)
from ambassador_server.downstream.http.options import (
    CHALLENGE,
    CREDENTIALS_REFUSED,
    GATEWAY_FAILURES,
    JSON,
    HttpOptions,
    credentials_refused,
    drain,
    is_event_stream,
    read_body,
    read_http_options,
    read_short_body,
    status_text,
)
from ambassador_server.downstream.http.resumable_stream import ResumableStream
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import (
    UNCANCELLABLE,
    Hooks,
    RejectedError,
    SessionLostError,
)
from ambassador_server.downstream.wire.messages import (
    LARGEST_MESSAGE,
    Message,
    decode_message,
    encode_cancelled,
    encode_notification,
    encode_request,
    read_message,
    reply_from,
)
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Notice, Reply, Tell

_DRAIN_SECONDS = 1.0
_LONGEST_REASON = 4 * 1024
"""How many bytes of an error are searched for a reason."""
_NO_STREAM = frozenset({405, 406, 501})
"""The HTTP statuses by which a downstream says that it answers no GET with a stream."""
_NO_STREAM_YET = frozenset({408, 409, 425, 429, 500}) | GATEWAY_FAILURES
"""The HTTP statuses after which a stream may be resumed all the same, 409 while the downstream holds the old one."""

Options = HttpOptions


def check(options: Mapping[str, Any], programs: ProgramSettings) -> None:
    """Raise InvalidInputError for an invalid option."""
    read_http_options("streamable_http", options)


def check_credentials(options: Mapping[str, Any], needs: CredentialNeeds) -> None:
    """Raise InvalidInputError for a credential that requests cannot carry."""
    check_credentials_of_requests(needs, read_http_options("streamable_http", options))


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
    carries_modern_era = True

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self._endpoint = Endpoint(options, hooks.credential)
        self._hooks = hooks
        self._numbers = itertools.count(1)
        self._denied_session: str | None = None
        self._denial: Answer | None = None
        self._background = BackgroundTasks()
        self._is_listening = asyncio.Event()

    @property
    def keeps_sessions(self) -> bool:
        """Tell whether the downstream has named a session."""
        return self._endpoint.session_id is not None

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds why the connection ended; pending while it has not."""
        return self._endpoint.ended

    async def open(self) -> None:
        """Read the secrets and certificates; connections are opened when they are needed."""
        await self._endpoint.open()

    def use_version(self, version: str) -> None:
        """Name this protocol version in every request from now on."""
        self._endpoint.use_version(version)

    def use_credential(self, credential: Credential) -> bool:
        """Send this credential with every request from now on; raises DownstreamUnavailableError."""
        self._endpoint.use_credential(credential)
        return True

    async def request(
        self,
        method: str,
        params: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        ask: Ask | None = None,
        tell: Tell | None = None,
    ) -> Reply:
        """Post one request and return its answer, as JSON or at the end of an event stream."""
        number = next(self._numbers)
        body = encode_request(number, method, params)
        if method == "initialize":
            return await self._open_session(body, number)
        session_id = self._endpoint.session_id
        try:
            response = await self._endpoint.post(body, encode_fields(headers) if headers else b"")
            answer = await self._answer(response, number, ask, tell)
        except asyncio.CancelledError:
            # A modern downstream takes the closed connection for the cancellation, a legacy one needs a notification.
            if self._endpoint.is_legacy and method not in UNCANCELLABLE:
                self._background.send(self._endpoint.send, encode_cancelled(number))
            raise
        if response.status in CREDENTIALS_REFUSED:
            self._check_credential(response, answer, is_handshake=method in UNCANCELLABLE)
        if session_id is not None and is_doubtful(answer):
            await self._check_session(session_id, answer)
        return _reply_in(answer)

    async def notify(self, method: str, params: bytes) -> None:
        """Post one notification."""
        response = await self._endpoint.post(encode_notification(method, params))
        response.close()
        if response.status >= 300:
            raise DownstreamUnavailableError(status_text(response.status))

    async def listen(self) -> bool:
        """Read the stream on which a legacy downstream reports changes, if it has one."""
        if not self._endpoint.is_legacy:
            return False
        try:
            response = await self._endpoint.get_stream()
        finally:
            self._is_listening.set()
        if not is_event_stream(response):
            await self._check_refused_stream(response)
            return False
        stream = ResumableStream(response, self._resume, LARGEST_MESSAGE)
        try:
            async for data in stream.events():
                message = await read_message(data)
                if message is not None:
                    self._take(message)
        finally:
            stream.response.close()
        await asyncio.sleep(stream.retry_seconds)
        return True

    async def until_listening(self) -> None:
        """Return when the stream is open, or refused."""
        await self._is_listening.wait()

    def last_error_line(self) -> str:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ""

    def recent_output(self) -> tuple[str, ...]:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ()

    async def close(self) -> None:
        """End the session and close every connection; requests that still wait fail."""
        await self._background.close()
        await self._endpoint.close()

    async def _open_session(self, body: bytes, number: int) -> Reply:
        """Post the request for a new session; if there was one before, with the secrets as they are now."""
        if self._endpoint.session_id is not None:
            await self._endpoint.read_secrets()
        response = await self._endpoint.post(body, is_new=True)
        if is_event_stream(response):
            # The stream is resumed in its session.
            self._endpoint.use_session(response.headers.get(SESSION_HEADER))
        answer = await self._answer(response, number)
        if response.status in CREDENTIALS_REFUSED:
            self._check_credential(response, answer, is_handshake=True)
        reply = _reply_in(answer)
        self._endpoint.use_session(response.headers.get(SESSION_HEADER))
        return reply

    def _check_credential(self, response: Response, answer: Answer, *, is_handshake: bool) -> None:
        """Raise CredentialsRefusedError if the credentials were refused, and not the session or this request alone.

        An HTTP 403 may be the answer of the MCP to what a user asks it for.
        """
        is_answer = answer.reply is not None and response.status == 403 and CHALLENGE not in response.headers
        concerns_request = not self._endpoint.has_credential or is_answer
        if refuses_credentials(answer) and (is_handshake or not concerns_request):
            raise credentials_refused(response)

    async def _check_session(self, session_id: str, answer: Answer, *, to_stream: bool = False) -> None:
        """Raise SessionLostError if this doubtful answer, `to_stream` to a GET, came because the session is lost."""
        ping = self._denial if session_id == self._denied_session else None
        if (to_stream or not is_certain(answer)) and session_id == self._endpoint.session_id:
            ping = await self._ping()
            if ping is None or not denies_session(ping, answer):
                return
            # Calls in flight may get their answers when the session has been replaced and cannot be asked any more.
            self._denied_session, self._denial = session_id, ping
        raise SessionLostError(session_id, may_have_run=to_stream or not proves_nothing_ran(answer, ping))

    async def _ping(self) -> Answer | None:
        """Ask in the session whether it lives; None without any answer, after which it is not taken for lost."""
        number = next(self._numbers)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                response = await self._endpoint.post(encode_request(number, "ping", b""))
                return await self._answer(response, number)
        except (TimeoutError, DownstreamUnavailableError):
            return None

    async def _answer(
        self, response: Response, number: int, ask: Ask | None = None, tell: Tell | None = None
    ) -> Answer:
        if is_event_stream(response):
            return await self._answer_in_stream(response, number, ask, tell)
        try:
            if response.kind == JSON:
                return await _answer_in_body(response, number)
            return await _other_answer(response)
        except BaseException:
            response.close()
            raise

    async def _answer_in_stream(
        self, response: Response, number: int, ask: Ask | None, tell: Tell | None
    ) -> Answer:
        """Return the answer at the end of a stream, which a downstream of the legacy era may continue elsewhere."""
        stream = ResumableStream(
            response, None if self._endpoint.is_modern else self._resume, LARGEST_MESSAGE
        )
        questions = OpenQuestions(ask)
        other = b""
        try:
            async for data in stream.events():
                message = await read_message(data)
                if message is None:
                    other = data[:_LONGEST_REASON]
                elif message.is_request:
                    questions.put(message, self._endpoint.send)
                elif message.method == CANCELLED:
                    questions.cancelled(bytes(message.params))
                elif message.method == LOG_MESSAGE and tell is not None:
                    tell(Notice(LOG_MESSAGE, bytes(message.params)))
                elif message.method is not None:
                    self._take(message)
                elif _is_answer_to(message, number):
                    self._drain_later(stream.response)
                    return _answer_of(message, number, response.status)
        except BaseException:
            stream.response.close()
            raise
        finally:
            questions.close()
        if other:
            return Answer(response.status, None, is_own=False, text=other)
        raise DownstreamUnavailableError("ended its answer before the result")

    async def _resume(self, last_event_id: str) -> Response | None:
        """Ask for the rest of a stream; implements `resumable_stream.Resume`."""
        response = await self._endpoint.get_stream(last_event_id)
        if is_event_stream(response):
            return response
        await self._check_refused_stream(response)
        if response.status in _NO_STREAM_YET:
            return None
        raise DownstreamUnavailableError("ended an event stream early and does not continue it")

    async def _check_refused_stream(self, response: Response) -> None:
        """Raise SessionLostError if a GET was not answered with a stream because the session is lost.

        Not even HTTP 404 proves that, because a downstream may serve nothing but POST.
        """
        session_id = self._endpoint.session_id
        answer = await _other_answer(response)
        if session_id is not None and answer.status not in _NO_STREAM and is_doubtful(answer):
            await self._check_session(session_id, answer, to_stream=True)

    def _take(self, message: Message) -> None:
        """Handle a message that belongs to no request."""
        if message.is_notification:
            self._hooks.notified(message.method or "", bytes(message.params))
        elif message.is_request:
            self._hooks.asked(message, self._endpoint.send)

    def _drain_later(self, response: Response) -> None:
        """Read the rest of the stream in the background, so that its connection can be reused."""
        if response.is_complete:
            return
        draining = self._background.run(drain, response, _DRAIN_SECONDS)
        if draining is None:
            response.close()
        else:
            # Also when the task is cancelled before it runs; after a complete answer this does nothing.
            draining.add_done_callback(lambda _: response.close())


async def _answer_in_body(response: Response, number: int) -> Answer:
    # A small answer that has arrived as a whole, as most have, is read without a coroutine.
    body = response.read_now(LARGE)
    if body is None:
        body = await read_body(response)
        message = await read_message(body)
    else:
        message = decode_message(body)
    if message is None or message.method is not None:
        return Answer(response.status, None, is_own=False, text=body[:_LONGEST_REASON])
    # The answer to a request that the downstream could not parse has no id.
    if message.answers != number and not bytes(message.error):
        raise DownstreamUnavailableError("answered a request that was not asked")
    answer = _answer_of(message, number, response.status)
    if response.status >= 300 and answer.reply is not None and answer.reply.error is None:
        return Answer(response.status, None, is_own=False)
    return answer


async def _other_answer(response: Response) -> Answer:
    text = await read_short_body(response)
    return Answer(response.status, None, is_own=False, text=text[:_LONGEST_REASON])


def _answer_of(message: Message, number: int, status: int) -> Answer:
    is_own = message.answers == number
    text = bytes(message.error)[:_LONGEST_REASON]
    try:
        return Answer(status, reply_from(message), is_own, text)
    except DownstreamUnavailableError:
        answer = Answer(status, None, is_own, text)
        if denies_session(answer):
            return answer
        raise


def _is_answer_to(message: Message, number: int) -> bool:
    """Tell whether a message answers a request; an error may have another id, or none, if the request was not read."""
    return message.answers == number or (message.answers is None and bool(bytes(message.error)))


def _reply_in(answer: Answer) -> Reply:
    """Return the reply; raises DownstreamUnavailableError for an answer that is not JSON-RPC."""
    if answer.reply is not None:
        return answer.reply
    status = answer.status
    if status in GATEWAY_FAILURES:
        raise DownstreamUnavailableError(status_text(status))
    raise RejectedError(status_text(status) if status >= 300 else "answered with something that is not MCP")
