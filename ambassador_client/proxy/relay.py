"""Routes each message of the host: answers it locally or sends exactly one request to the server."""

import asyncio
from collections.abc import AsyncIterable, Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ambassador_client.errors import ClientError
from ambassador_client.proxy import local_responses
from ambassador_client.proxy.batch_answers import BatchAnswers, Respond
from ambassador_client.proxy.forwarder import Forwarder
from ambassador_client.proxy.message import (
    Headers,
    Message,
    MessageError,
    RequestId,
    TooDeepError,
    is_array,
    is_request_id,
    split_batch,
)
from ambassador_client.proxy.stdio import MAX_LINE_BYTES, Output
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.line_splitter import Line, LongLine, ends_of
from ambassador_protocol.mcp import BATCH_VERSION, MODERN_VERSIONS

if TYPE_CHECKING:
    from ambassador_client.proxy.session import Session

MAX_IN_FLIGHT = 1024
MAX_HELD_BYTES = 4 * MAX_LINE_BYTES


class _InFlight(NamedTuple):
    message: Message
    task: asyncio.Task[None]
    respond: Respond


class Relay:
    """Serves one host.

    `session_task` creates the session; it fails with a ClientError if the settings are invalid.
    """

    def __init__(
        self, output: Output, session_task: "asyncio.Task[Session]", *, report: Callable[[str], None]
    ) -> None:
        self._output = output
        self._report = report
        self._forwarder = Forwarder(session_task, self._send_line, report)
        self._declared: local_responses.Features = {}
        self._stream_task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()
        self._in_flight: dict[RequestId, _InFlight] = {}
        self._held_bytes = 0
        self._one_way_tasks: set[asyncio.Task[None]] = set()

    async def run(self, lines: AsyncIterable[Line]) -> None:
        """Serve until the input ends; read no further while the host does not read its output."""
        async for line in lines:
            self._accept(line)
            del line
            await self._output.drain()

    @property
    def session_task(self) -> "asyncio.Task[Session]":
        """Return the task that creates the session."""
        return self._forwarder.session_task

    def use_session(self, session_task: "asyncio.Task[Session]") -> None:
        """Use another session, after the settings of the first were invalid."""
        self._forwarder.session_task = session_task
        self.announce_changes()

    def announce_changes(self) -> None:
        """Tell a legacy host that every list may have changed."""
        if self._forwarder.conversation.is_initialized:
            for line in local_responses.change_notifications(self._declared):
                self._output.send(line)
            self._listen()

    def closing_headers(self) -> Headers:
        """Return the headers of the request that ends the conversation at the server; empty if there is none."""
        return self._forwarder.conversation.closing_headers()

    async def finish(self, seconds: float) -> None:
        """Wait up to so many seconds for open requests, then cancel the rest."""
        endless = {
            flight.task
            for flight in self._in_flight.values()
            if flight.message.method == "subscriptions/listen"
        }
        tasks = {flight.task for flight in self._in_flight.values()} | self._one_way_tasks
        if waited_for := tasks - endless:
            await asyncio.wait(waited_for, timeout=seconds)
        for task in {*tasks, *filter(None, [self._stream_task])}:
            task.cancel()

    def _accept(self, line: Line) -> None:
        if isinstance(line, LongLine) or not self._is_batch(line):
            self._serve_or_refuse(line, self._respond)
            return
        try:
            parts = split_batch(line)
        except MessageError as error:
            self._respond(_refusal(error))
            return
        answers = BatchAnswers(len(parts), self._output.send)
        for position, part in enumerate(parts):
            self._serve_or_refuse(part, answers.respond_at(position), in_batch=True)

    def _is_batch(self, line: bytes) -> bool:
        return self._forwarder.conversation.version == BATCH_VERSION and is_array(line)

    def _respond(self, line: bytes | None) -> None:
        if line is not None:
            self._output.send(line)

    def _serve_or_refuse(self, line: Line, respond: Respond, *, in_batch: bool = False) -> None:
        try:
            self._serve(line, respond, in_batch=in_batch)
        except MessageError as error:
            respond(_refusal(error))

    def _serve(self, line: Line, respond: Respond, *, in_batch: bool) -> None:
        if isinstance(line, LongLine):
            text = f"AMB-1004 a line is longer than {MAX_LINE_BYTES >> 20} MB and was dropped. Send less at once."
            return self._refuse_unread(line, Code.TOO_LARGE, text, respond)
        try:
            message = Message.parse(line)
        except TooDeepError as error:
            text = f"AMB-1001 a line is {error} and was dropped."
            return self._refuse_unread(ends_of(line), Code.PARSE_ERROR, text, respond)
        if message.is_request:
            self._accept_request(message, respond, in_batch=in_batch)
            return None
        if message.method == "notifications/cancelled":
            self._cancel(message)
        else:
            self._forward(message)
            if message.method == "notifications/initialized":
                self._forwarder.conversation.mark_initialized()
                self._listen()
        respond(None)
        return None

    def _refuse_unread(self, line: LongLine, code: Code, text: str, respond: Respond) -> None:
        """Answer a line that is not decoded; its id is found without decoding it."""
        from ambassador_client.proxy.truncated_line import read_outer_members  # noqa: PLC0415 - rarely needed

        found = read_outer_members(line)
        found_id = found["id"] if is_request_id(found.get("id")) else None
        if found_id is None or isinstance(found.get("method"), str):
            raise MessageError(code, text, found_id)
        if "result" in found or "error" in found:
            # The server waits for this response. An error to the host would name an id that the host did not choose.
            self._forward(Message.parse(local_responses.error_response(found_id, code, text)))
            respond(None)
            return
        raise MessageError(code, text)

    def _accept_request(self, message: Message, respond: Respond, *, in_batch: bool) -> None:
        if message.version is not None and message.version not in MODERN_VERSIONS:
            respond(local_responses.unsupported_version_response(message))
            return
        match message.method:
            case "initialize" if in_batch:
                raise MessageError(Code.INVALID_REQUEST, "initialize cannot be part of a batch.", message.id)
            case "initialize":
                version = local_responses.negotiate_version(message.params)
                features = self._forwarder.conversation.features
                respond(local_responses.initialize_response(message, version, features))
                self._declared = local_responses.declared_features(features)
                self._forwarder.conversation.begin(message, version)
            case "server/discover" if message.version is None:
                respond(local_responses.discover_response(message, self._forwarder.conversation.features))
            case "ping":
                respond(local_responses.ping_response(message))
            case _:
                self._start_request(message, respond)

    def _start_request(self, message: Message, respond: Respond) -> None:
        if message.id is None or message.id in self._in_flight:
            raise MessageError(
                Code.INVALID_REQUEST, "A request with this id is still being answered.", message.id
            )
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            text = f"AMB-1010 {MAX_IN_FLIGHT} requests are waiting for answers already. Try again later."
            raise MessageError(Code.OVERLOADED, text, message.id)
        if self._held_bytes + len(message.body) > MAX_HELD_BYTES:
            text = f"AMB-1010 requests of {MAX_HELD_BYTES >> 20} MB are waiting for answers. Try again later."
            raise MessageError(Code.OVERLOADED, text, message.id)
        headers = self._forwarder.headers(message)
        message.params = {}  # only the bytes are sent; frees the memory of a large call while it runs
        task = asyncio.create_task(self._answer(message, headers))
        self._in_flight[message.id] = _InFlight(message, task, respond)
        self._held_bytes += len(message.body)

    async def _answer(self, message: Message, headers: Headers) -> None:
        is_discovery = message.method == "server/discover"
        forward = self._forwarder.discover if is_discovery else self._forwarder.forward_request
        try:
            await forward(message, headers, partial(self._send_answer, message))
        except ClientError as error:
            await self._send_answer(message, local_responses.client_error_response(message.id, error))
        except Exception as error:
            # Without this a defect here would leave the host waiting forever.
            self._report(f"AMB-1000 {type(error).__name__} in the relay. Please report it.")
            line = local_responses.error_response(
                message.id, Code.INTERNAL_ERROR, "AMB-1000 the client failed."
            )
            await self._send_answer(message, line)

    async def _send_answer(self, message: Message, line: bytes) -> None:
        async with self._sending:
            await self._output.drain()
            # A cancelled request is no longer in the table and gets no answer.
            flight = None if message.id is None else self._in_flight.get(message.id)
            if flight is not None and flight.message is message:
                self._remove(flight)
                flight.respond(line)

    async def _send_line(self, line: bytes) -> None:
        # The lock keeps waiting tasks from writing all at once when the host reads again.
        async with self._sending:
            await self._output.drain()
            self._output.send(line)

    def _remove(self, flight: _InFlight) -> None:
        if flight.message.id is not None:
            del self._in_flight[flight.message.id]
            self._held_bytes -= len(flight.message.body)

    def _cancel(self, message: Message) -> None:
        request_id = message.params.get("requestId")
        flight = self._in_flight.get(request_id) if isinstance(request_id, str | int) else None
        if flight is None:
            return
        self._remove(flight)
        flight.respond(None)
        flight.task.cancel()
        if not flight.message.is_modern:
            self._forward(message)

    def _listen(self) -> None:
        if self._stream_task is None or self._stream_task.done():
            self._stream_task = asyncio.create_task(self._listen_after(tuple(self._one_way_tasks)))

    async def _listen_after(self, earlier: Collection[asyncio.Task[None]]) -> None:
        """Open the server's own stream after the earlier messages were sent, so that one connection serves both."""
        if earlier:
            await asyncio.wait(earlier)
        await self._forwarder.listen()

    def _forward(self, message: Message) -> None:
        if len(self._one_way_tasks) >= MAX_IN_FLIGHT:
            self._report(
                "AMB-1010 a notification was dropped: too many are waiting. Is the server reachable?"
            )
            return
        headers = self._forwarder.headers(message)
        task = asyncio.create_task(self._forwarder.forward_one_way(message, headers))
        self._one_way_tasks.add(task)
        task.add_done_callback(self._one_way_tasks.discard)


def _refusal(error: MessageError) -> bytes:
    return local_responses.error_response(error.request_id, error.code, error.text)
