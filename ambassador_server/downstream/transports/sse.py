"""Transport `sse`: the HTTP+SSE of 2024-11-05. Requests are posted; one GET stays open for all that comes back.

The stream is the session: the downstream forgets it with the stream, and a new stream begins a new session.
"""

import asyncio
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from yarl import URL

from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.downstream.http.background import BackgroundTasks
from ambassador_server.downstream.http.declared_credentials import check_credentials_of_requests
from ambassador_server.downstream.http.endpoint import Endpoint
from ambassador_server.downstream.http.lost_sessions import forgets_session
from ambassador_server.downstream.http.message_stream import MessageStream
from ambassador_server.downstream.http.options import (
    CREDENTIALS_REFUSED,
    GATEWAY_FAILURES,
    HttpOptions,
    credentials_refused,
    is_event_stream,
    read_http_options,
    read_short_body,
    status_text,
)
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.transport import UNCANCELLABLE, Hooks, RejectedError, SessionLostError
from ambassador_server.downstream.wire.messages import (
    Message,
    encode_cancelled,
    encode_notification,
    encode_request,
)
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Reply, Tell

ENDPOINT_SECONDS: Final = 10.0
"""The longest wait for the stream and the name of its endpoint."""

_LOST: Final = "does not know its session any more"
Options = HttpOptions


def check(options: Mapping[str, Any], programs: ProgramSettings) -> None:
    """Raise InvalidInputError for an invalid option."""
    read_http_options("sse", options)


def check_credentials(options: Mapping[str, Any], needs: CredentialNeeds) -> None:
    """Raise InvalidInputError for a credential that requests cannot carry."""
    check_credentials_of_requests(needs, read_http_options("sse", options))


def starts_program() -> bool:
    """Return False: the downstream runs elsewhere."""
    return False


def sandbox(options: Mapping[str, Any], programs: ProgramSettings) -> str | None:
    """Return None: no program is started."""
    return None


def build(options: Mapping[str, Any], hooks: Hooks) -> "SseTransport":
    """Return the transport; the handshake opens its stream."""
    return SseTransport(read_http_options("sse", options), hooks)


class SseTransport:
    """The stream of the current session, and the requests that are posted in it.

    A session that ends is opened again by the next handshake; where that fails the transport ends.
    """

    mirrors_headers = False
    carries_modern_era = False
    keeps_sessions = True

    def __init__(self, options: Options, hooks: Hooks) -> None:
        self._endpoint = Endpoint(options, hooks.credential)
        self._url = URL(options.url)
        self._hooks = hooks
        self._numbers = itertools.count(1)
        self._session_numbers = itertools.count(1)
        self._background = BackgroundTasks()
        self._posting: set[asyncio.Task[Exception | None]] = set()
        # In its handshake a new session serves no other requests.
        self._opening: MessageStream | None = None
        self._current: MessageStream | None = None

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds why the connection ended; pending while it has not."""
        return self._endpoint.ended

    async def open(self) -> None:
        """Read the secrets and certificates; the handshake opens the stream."""
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
        """Post one request and return its answer from the stream; answers may come in any order.

        The stream does not tell which request a question or a log message belongs to, so `ask` and `tell` get none.
        """
        number = next(self._numbers)
        stream = await self._new_session() if method == "initialize" else self._session()
        waiter = stream.pending.add(number)
        posting = asyncio.ensure_future(
            self._post_request(stream, encode_request(number, method, params), waiter)
        )
        self._posting.add(posting)
        posting.add_done_callback(self._posting.discard)
        try:
            # Without a wait for the answer to the POST, so that what the stream brings keeps its order.
            outcome = await waiter
        except asyncio.CancelledError:
            posting.cancel()
            if method not in UNCANCELLABLE:
                self._send(stream, encode_cancelled(number))
            raise
        finally:
            stream.pending.remove(number)
        if isinstance(outcome, str):
            # What became of the POST says more than the end of the stream.
            raise await posting or DownstreamUnavailableError(outcome)
        return outcome

    async def notify(self, method: str, params: bytes) -> None:
        """Post one notification; the one that ends the handshake lets other requests use the session."""
        is_handshake = self._opening is not None and method == "notifications/initialized"
        stream = self._opening if is_handshake and self._opening is not None else self._session()
        await self._post(stream, encode_notification(method, params))
        if is_handshake:
            self._current, self._opening = stream, None

    async def listen(self) -> bool:
        """Wait until the session ends, which raises SessionLostError; its messages are read all the time."""
        stream = self._session()
        await asyncio.shield(stream.ended)
        if self.ended.done():
            return False
        raise SessionLostError(stream.session_id)

    async def until_listening(self) -> None:
        """Return at once, because a session begins with its stream."""

    def last_error_line(self) -> str:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ""

    def recent_output(self) -> tuple[str, ...]:
        """Return nothing, because over HTTP there is no output but MCP."""
        return ()

    async def close(self) -> None:
        """Close every connection; requests that still wait fail."""
        self._endpoint.end("was stopped")
        await self._background.close()
        self._end_sessions("was stopped")
        await self._endpoint.close()

    def _session(self) -> MessageStream:
        """Return the current session; raises SessionLostError if it has ended."""
        if self.ended.done():
            raise DownstreamUnavailableError(self.ended.result())
        stream = self._current
        if stream is None or stream.ended.done():
            raise SessionLostError("" if stream is None else stream.session_id)
        return stream

    def _end_sessions(self, reason: str) -> None:
        for stream in (self._opening, self._current):
            if stream is not None:
                stream.end(reason)

    async def _new_session(self) -> MessageStream:
        """Open a stream in place of the earlier one, with the secrets as they are now."""
        is_first = self._opening is None and self._current is None
        self._end_sessions("began a new session")
        try:
            if not is_first:
                await self._endpoint.read_secrets()
            async with asyncio.timeout(ENDPOINT_SECONDS):
                self._opening = await self._open_stream()
                await self._opening.until_named()
        except TimeoutError:
            error = DownstreamUnavailableError(
                f"did not name an endpoint for messages within {ENDPOINT_SECONDS:g} s"
            )
            self._endpoint.end(error.message)
            raise error from None
        except DownstreamUnavailableError as error:
            self._endpoint.end(error.message)
            raise
        return self._opening

    async def _open_stream(self) -> MessageStream:
        response = await self._endpoint.get_stream()
        if is_event_stream(response):
            return MessageStream(str(next(self._session_numbers)), self._url, response, self._take)
        response.close()
        if response.status < 300:
            raise DownstreamUnavailableError(
                "answered with no event stream; is its transport streamable_http?"
            )
        if response.status in CREDENTIALS_REFUSED:
            raise credentials_refused(response)
        raise DownstreamUnavailableError(status_text(response.status))

    async def _post_request(
        self, stream: MessageStream, body: bytes, waiter: "asyncio.Future[Reply | str]"
    ) -> Exception | None:
        """Post a request; if that fails, return the error, which is also its answer if there is none yet."""
        try:
            await self._post(stream, body, waiter)
        except (DownstreamUnavailableError, SessionLostError) as error:
            if not waiter.done():
                waiter.set_exception(error)
            return error
        return None

    async def _post(
        self, stream: MessageStream, body: bytes, waiter: "asyncio.Future[Reply | str] | None" = None
    ) -> None:
        """Post a message; how that went does not matter any more if its answer has come on the stream."""
        try:
            response = await self._endpoint.post(body, target=stream.target)
            text = await read_short_body(response)
        except DownstreamUnavailableError:
            if waiter is not None and waiter.done():
                return
            raise
        status = response.status
        if status < 300 or (waiter is not None and waiter.done() and isinstance(waiter.result(), Reply)):
            return
        # In the handshake there is no session yet that could be lost. Another call may have noticed the loss before,
        # and have opened the next session.
        if forgets_session(status, text) and (stream is self._current or _is_lost(stream)):
            stream.end(_LOST)
            raise SessionLostError(stream.session_id)
        if status in CREDENTIALS_REFUSED:
            raise credentials_refused(response)
        if status in GATEWAY_FAILURES:
            raise DownstreamUnavailableError(status_text(status))
        raise RejectedError(status_text(status))

    def _take(self, stream: MessageStream, message: Message) -> None:
        """Handle a message that is no answer."""
        if message.is_notification:
            # Later than the callers of earlier answers continue, so that events keep the order of the stream.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._hooks.notified, message.method or "", bytes(message.params))
        else:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._hooks.asked, message, partial(self._answer, stream))

    async def _answer(self, stream: MessageStream, message: bytes) -> None:
        """Post an answer in the session of the question, if that still lives."""
        if stream.target is not None and not stream.ended.done():
            await self._endpoint.send(message, stream.target)

    def _send(self, stream: MessageStream, message: bytes) -> None:
        """Post a message to which no answer matters, if its session still lives."""
        if stream.target is not None and not stream.ended.done():
            self._background.send(self._endpoint.send, message, stream.target)


def _is_lost(stream: MessageStream) -> bool:
    return stream.ended.done() and stream.ended.result() == _LOST
