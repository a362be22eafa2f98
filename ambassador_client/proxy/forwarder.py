"""Sends messages of the host to the server and hands the answers back, each in its session."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ambassador_client.errors import ClientError, UnreachableError
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.conversation import Conversation
from ambassador_client.proxy.local_responses import (
    RESOURCES_CHANGED,
    discover_response,
    update_notification,
)
from ambassador_client.proxy.message import Headers, Message
from ambassador_client.proxy.server_responses import (
    IncompleteResponseError,
    is_header_mismatch,
    is_unsupported_version,
    next_cursor,
    read_event,
    read_features,
    read_response,
    read_server_message,
)
from ambassador_protocol import __version__
from ambassador_protocol.event_stream import EVENT_STREAM, LAST_EVENT_ID
from ambassador_protocol.mcp import VERSION_HEADER
from ambassador_protocol.paths import CLIENT_VERSION_HEADER

if TYPE_CHECKING:
    from ambassador_client.link.http_client import Response
    from ambassador_client.proxy.session import Session
    from ambassador_client.proxy.tool_headers import ToolHeaders
    from ambassador_protocol.param_headers import HeaderMap

_HEADERS = [
    ("Content-Type", "application/json"),
    ("Accept", f"application/json, {EVENT_STREAM}"),
    (CLIENT_VERSION_HEADER, __version__),
]
_ANNOTATION = b"x-mcp-header"
_SUBSCRIPTIONS = frozenset({"resources/subscribe", "resources/unsubscribe"})
_MAX_PAGES = 100
_MAX_FAILURES = 5
_DISCOVER_SECONDS = 2.0
_STABLE_SECONDS = 60.0
_EMPTY_MESSAGE = Message(b"", None, None, {})

Send = Callable[[bytes], Awaitable[None]]


class Forwarder:
    """Sends the host's messages to the server, in the session that `session_task` creates.

    `send` writes lines to the host that are not answers: notifications and requests of the server.
    """

    def __init__(
        self, session_task: "asyncio.Task[Session]", send: Send, report: Callable[[str], None]
    ) -> None:
        self.conversation = Conversation()
        self.session_task = session_task
        self._send = send
        self._report = report
        self._tool_headers: ToolHeaders | None = None
        self._last_event = ""
        self._requested_pause = 0.0

    def headers(self, message: Message) -> Headers:
        """Return the HTTP headers of a message; raises MessageError."""
        header_map: HeaderMap = {}
        if self._tool_headers is not None and message.method == "tools/call":
            header_map = self._tool_headers.header_map_of(message.params.get("name"))
        return [*_HEADERS, *message.headers(self.conversation.version, header_map)]

    async def forward_request(self, message: Message, headers: Headers, send_answer: Send) -> None:
        """Send a request and pass its answer to `send_answer`; raises ClientError."""
        if message.method == "subscriptions/listen":
            return await self._subscribe(message, headers, send_answer)
        if message.method in _SUBSCRIPTIONS and not message.is_modern:
            self.conversation.remember_subscription(message)
        mismatch = await self._forward(message, headers, send_answer)
        if mismatch is None:
            return None
        # The annotations known here are outdated. The server has not run the call, so it can be sent again.
        learned = await self._refresh_headers(message)
        if learned is not None and learned != headers:
            mismatch = await self._forward(message, learned, send_answer)
        if mismatch is not None:
            await send_answer(mismatch)
        return None

    async def discover(self, message: Message, headers: Headers, send_answer: Send) -> None:
        """Pass on what the server declares, or answer for it if it says nothing soon.

        Some hosts take a server that does not answer soon for one of the legacy era.
        """
        line = None
        try:
            async with asyncio.timeout(_DISCOVER_SECONDS), self._post(message, headers) as response:
                line = read_response(message, await response.read())
        except (TimeoutError, ClientError):
            pass  # the first request of the host will tell what is wrong
        features = None if line is None else read_features(line)
        self.conversation.learn_features(features)
        if line is None or (features is None and not is_unsupported_version(line)):
            line = discover_response(message, self.conversation.features)
        await send_answer(line)

    async def forward_one_way(self, message: Message, headers: Headers) -> None:
        """Send a notification or a response; errors are only reported, because the host waits for no answer."""
        try:
            # Sending it twice is harmless: a response is matched by its id, and notifications are idempotent.
            async with self._post(message, headers, priority=True) as response:
                reply = await response.read()
            if reply.status >= 400:
                self._report(str(refusal(reply.status, reply.body)))
        except ClientError as error:
            self._report(str(error))

    async def listen(self) -> None:
        """Relay the server's own event stream of the legacy era until the server does not offer one."""
        from ambassador_client.proxy.session import pause_after  # noqa: PLC0415 - not before the first answer

        failures = 0
        while True:
            await (await self._session()).wait_until_working()
            begun = asyncio.get_running_loop().time()
            error: ClientError = IncompleteResponseError(_EMPTY_MESSAGE)
            try:
                async with self._post(
                    _EMPTY_MESSAGE, self._stream_headers(self._last_event), priority=True
                ) as response:
                    if not await self._relay_stream(response):
                        return
            except ClientError as broken:
                error = broken
            lasted = asyncio.get_running_loop().time() - begun >= _STABLE_SECONDS
            failures = 1 if lasted else failures + 1
            await asyncio.sleep(max(pause_after(error, failures), self._requested_pause))

    async def _relay_stream(self, response: "Response") -> bool:
        """Relay a stream to its end; return False if the server offers none."""
        if response.status == 429 or response.status >= 500:
            raise refusal(response.status, b"", response.retry_after)
        if response.status != 200 or response.content_type != EVENT_STREAM:
            return False
        try:
            async for event in response.events():
                await self._send(read_server_message(event))
                if self.conversation.lost_subscriptions and RESOURCES_CHANGED in event:
                    await self._subscribe_again()
        finally:
            self._last_event = response.last_event_id or self._last_event
            self._requested_pause = response.retry_seconds
        return True

    async def _subscribe_again(self) -> None:
        """Subscribe to the resources that the server did not know before; they may have been updated meanwhile."""
        common = [*_HEADERS, (VERSION_HEADER, self.conversation.version)]
        for uri in await self.conversation.subscribe_again(await self._session(), common):
            await self._send(update_notification(uri))

    def _stream_headers(self, last_id: str) -> Headers:
        headers = [("Accept", EVENT_STREAM), (CLIENT_VERSION_HEADER, __version__)]
        headers.append((VERSION_HEADER, self.conversation.version))
        return [*headers, (LAST_EVENT_ID, last_id)] if last_id else headers

    async def _subscribe(self, message: Message, headers: Headers, send_answer: Send) -> None:
        from ambassador_client.proxy.subscriptions import Subscription  # noqa: PLC0415 - rarely needed

        async def listen(send: Send, end: Send) -> None:
            async with self._post(message, headers) as response:
                if response.status == 200 and response.content_type == EVENT_STREAM:
                    await self._relay_events(message, response, end, send)
                else:
                    await end(read_response(message, await response.read()))

        await Subscription(message, self._send, send_answer).run(await self._session(), listen)

    async def _forward(self, message: Message, headers: Headers, send_answer: Send) -> bytes | None:
        """Return the error line if the server rejects the headers, else None after the answer was sent."""
        response = None
        try:
            async with self._post(message, headers, replayable=message.is_safe) as response:
                if response.status == 200 and response.content_type == EVENT_STREAM:
                    await self._relay_events(message, response, send_answer, self._send)
                    return None
                line = read_response(message, await response.read())
                if response.status == 400 and message.method == "tools/call" and is_header_mismatch(line):
                    return line
                await send_answer(self._learn_tool_headers(message, line))
        except (UnreachableError, IncompleteResponseError):
            if message.is_modern or response is None or not response.last_event_id:
                raise
            await self._resume(message, response, send_answer)
        return None

    async def _resume(self, message: Message, ended: "Response", send_answer: Send) -> None:
        """Resume an answer stream after it ended early: a legacy server may close it and continue in a new one."""
        from ambassador_client.proxy.session import pause_after  # noqa: PLC0415 - not before the first answer

        response, failures, last_id = ended, 0, ended.last_event_id
        while failures < _MAX_FAILURES:
            failures += 1
            await asyncio.sleep(
                max(pause_after(IncompleteResponseError(message), failures), response.retry_seconds)
            )
            try:
                async with self._post(_EMPTY_MESSAGE, self._stream_headers(last_id)) as response:
                    if response.status != 200 or response.content_type != EVENT_STREAM:
                        break
                    return await self._relay_events(message, response, send_answer, self._send)
            except (UnreachableError, IncompleteResponseError):
                if response.last_event_id not in ("", last_id):
                    failures, last_id = 0, response.last_event_id
        raise IncompleteResponseError(message)

    async def _relay_events(
        self, message: Message, response: "Response", send_answer: Send, send: Send
    ) -> None:
        async for event in response.events():
            line, is_answer = read_event(message, event)
            if is_answer:
                await send_answer(self._learn_tool_headers(message, line))
                return await response.discard()
            await send(line)
        raise IncompleteResponseError(message)

    @asynccontextmanager
    async def _post(
        self, message: Message, headers: Headers, *, replayable: bool = True, priority: bool = False
    ) -> AsyncIterator["Response"]:
        """Send a message; repeat it once if the server no longer knows the conversation."""
        session = await self._session()
        sent: Headers = []

        async def conversation_headers() -> Headers:
            nonlocal sent
            sent = [] if message.is_modern else await self.conversation.headers(session, _HEADERS)
            return sent

        for last_try in (False, True):
            async with session.post(
                headers,
                message.body,
                replayable=replayable,
                priority=priority,
                extra_headers=conversation_headers,
            ) as response:
                if last_try or not self.conversation.is_lost(response, sent):
                    yield response
                    return
                await response.discard()

    def _learn_tool_headers(self, message: Message, line: bytes) -> bytes:
        if message.method != "tools/list" or (self._tool_headers is None and _ANNOTATION not in line):
            return line
        if self._tool_headers is None:
            from ambassador_client.proxy.tool_headers import ToolHeaders  # noqa: PLC0415 - rarely needed

            self._tool_headers = ToolHeaders(self._report)
        return self._tool_headers.learn_from_list(line)

    async def _refresh_headers(self, message: Message) -> Headers | None:
        """List the tools to learn their annotations, then return the headers of the call; None if listing fails."""
        call = Message.parse(message.body)
        params = {"_meta": call.params.get("_meta")}
        try:
            for _ in range(_MAX_PAGES):
                request = {"jsonrpc": "2.0", "id": "tools", "method": "tools/list", "params": params}
                page = Message.parse(json.dumps(request).encode())
                async with self._post(page, self.headers(page)) as response:
                    line = self._learn_tool_headers(page, read_response(page, await response.read()))
                if (cursor := next_cursor(line)) is None:
                    return self.headers(call)
                params["cursor"] = cursor
        except ClientError as error:
            self._report(str(error))
        return None

    async def _session(self) -> "Session":
        task = self.session_task
        if not task.done():
            await asyncio.wait([task])
        error = task.exception()
        if error is not None:
            # The same error object is raised for many requests and must not collect their tracebacks.
            raise error.with_traceback(None)
        return task.result()
