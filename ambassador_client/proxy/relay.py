"""The pump: every message of the host is answered here or becomes exactly one request to the server."""

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, NamedTuple

from ambassador_client.errors import ClientError
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy import answers
from ambassador_client.proxy.framing import MAX_LINE_BYTES, Frame, LineTooLong, Output
from ambassador_client.proxy.message import Message, MessageError, RequestId
from ambassador_client.proxy.replies import read_event, read_reply, unfinished
from ambassador_protocol import __version__
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import LATEST_LEGACY
from ambassador_protocol.paths import CLIENT_VERSION_HEADER

if TYPE_CHECKING:
    from ambassador_client.link.client import Response
    from ambassador_client.proxy.session import Session

MAX_IN_FLIGHT = 1024

_HEADERS = [
    ("Content-Type", "application/json"),
    ("Accept", "application/json, text/event-stream"),
    (CLIENT_VERSION_HEADER, __version__),
]


class _Flight(NamedTuple):
    message: Message
    task: asyncio.Task[None]


class Relay:
    """Serves one host. `opening` is the task that loads the session; it fails when the settings are of no use."""

    def __init__(
        self, output: Output, opening: "asyncio.Task[Session]", *, report: Callable[[str], None]
    ) -> None:
        self._output = output
        self._opening = opening
        self._report = report
        self._version = LATEST_LEGACY
        self._wants_changes = False
        self._flights: dict[RequestId, _Flight] = {}
        self._forwarding: set[asyncio.Task[None]] = set()

    async def run(self, frames: AsyncIterable[Frame]) -> None:
        """Serve until the input ends; slow down when the host does not read what we write."""
        async for frame in frames:
            try:
                self._accept(frame)
            except MessageError as error:
                self._output.send(answers.failed(error.request_id, error.code, error.text))
            await self._output.drain()

    def tools_changed(self) -> None:
        """Tell a host of the handshake era to list the tools again."""
        if self._wants_changes:
            self._output.send(answers.TOOLS_CHANGED)

    async def finish(self, seconds: float) -> None:
        """Wait a little for answers that are on their way, then give up the rest."""
        endless = {
            flight.task
            for flight in self._flights.values()
            if flight.message.method == "subscriptions/listen"
        }
        tasks = {flight.task for flight in self._flights.values()} | self._forwarding
        if waited_for := tasks - endless:
            await asyncio.wait(waited_for, timeout=seconds)
        for task in tasks:
            task.cancel()

    def _accept(self, frame: Frame) -> None:
        if isinstance(frame, LineTooLong):
            text = f"AMB-1004 a line is longer than {MAX_LINE_BYTES >> 20} MB and was dropped. Send less at once."
            raise MessageError(Code.TOO_LARGE, text)
        message = Message.parse(frame)
        if message.is_request:
            self._accept_request(message)
        elif message.method == "notifications/cancelled":
            self._cancel(message)
        else:
            if message.method == "notifications/initialized":
                self._wants_changes = True
            self._forward(message)

    def _accept_request(self, message: Message) -> None:
        match message.method:
            case "initialize":
                self._version = answers.choose_version(message.params)
                self._output.send(answers.initialized(message, self._version))
            case "server/discover":
                self._output.send(answers.discovered(message))
            case "ping":
                self._output.send(answers.pong(message))
            case _:
                self._start(message)

    def _start(self, message: Message) -> None:
        if message.id is None or message.id in self._flights:
            raise MessageError(
                Code.INVALID_REQUEST, "A request with this id is still being answered.", message.id
            )
        if len(self._flights) >= MAX_IN_FLIGHT:
            text = f"AMB-1010 {MAX_IN_FLIGHT} requests are waiting for answers already. Try again later."
            raise MessageError(Code.OVERLOADED, text, message.id)
        headers = [*_HEADERS, *message.headers(self._version)]
        message.params = {}  # the bytes are what is passed on; a large call is not held twice while it runs
        task = asyncio.create_task(self._answer(message, headers))
        self._flights[message.id] = _Flight(message, task)

    async def _answer(self, message: Message, headers: list[tuple[str, str]]) -> None:
        try:
            session = await self._session()
            async with session.post(headers, message.body, replayable=message.is_safe) as response:
                await self._deliver(message, response)
        except ClientError as error:
            self._conclude(message, answers.failure(message.id, error))
        except Exception as error:
            # The one place that stands between a mistake of ours and a host that waits for ever.
            self._report(f"AMB-1000 {type(error).__name__} in the relay. Please report it.")
            self._conclude(
                message, answers.failed(message.id, Code.INTERNAL_ERROR, "AMB-1000 the client failed.")
            )

    async def _deliver(self, message: Message, response: "Response") -> None:
        await self._output.drain()
        if response.status != 200 or response.content_type != "text/event-stream":
            return self._conclude(message, read_reply(message, await response.read()))
        async for event in response.events():
            line, is_answer = read_event(message, event)
            if is_answer:
                self._conclude(message, line)
                return await response.discard()
            await self._output.drain()
            self._output.send(line)
        raise unfinished()

    def _conclude(self, message: Message, line: bytes) -> None:
        # A request that was cancelled is no longer in the table, and nothing more is said about it.
        request_id = message.id
        if request_id is None:
            return
        flight = self._flights.get(request_id)
        if flight is not None and flight.message is message:
            del self._flights[request_id]
            self._output.send(line)

    def _cancel(self, message: Message) -> None:
        request_id = message.params.get("requestId")
        flight = self._flights.pop(request_id, None) if isinstance(request_id, str | int) else None
        if flight is None:
            return
        flight.task.cancel()
        if not flight.message.is_modern:
            self._forward(message)

    def _forward(self, message: Message) -> None:
        if len(self._forwarding) >= MAX_IN_FLIGHT:
            self._report(
                "AMB-1010 a notification was dropped: too many are waiting. Is the server reachable?"
            )
            return
        task = asyncio.create_task(self._pass_on(message))
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _pass_on(self, message: Message) -> None:
        try:
            headers = [*_HEADERS, *message.headers(self._version)]
            session = await self._session()
            async with session.post(headers, message.body, replayable=False) as response:
                reply = await response.read()
            if reply.status >= 400:
                self._report(str(refusal(reply.status, reply.body)))
        except (ClientError, MessageError) as error:
            self._report(str(error))

    async def _session(self) -> "Session":
        if not self._opening.done():
            await asyncio.wait([self._opening])
        error = self._opening.exception()
        if error is not None:
            # One error is raised for many requests: it must not collect their tracebacks.
            raise error.with_traceback(None)
        return self._opening.result()
