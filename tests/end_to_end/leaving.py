"""A user with everything open on one server: streams of every kind and calls in flight, and when each of them ends."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from tests.end_to_end.event_streams import EVERYTHING
from tests.end_to_end.faces import LEGACY, MODERN, REST, Answer, Face, Wire
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.raw_http import head
from tests.end_to_end.world import Caller
from tests.patience import PATIENCE

SLOW = {"seconds": 600, "text": "slow"}
T = TypeVar("T")
_FIRST_LINE = re.compile(rb"HTTP/1.1 (\d{3}) ")


@dataclass
class Opened:
    """What one user has open on one server; `ends` are the times at which the streams and calls have ended."""

    port: int
    streams: "list[asyncio.Task[None]]" = field(default_factory=list)
    calls: "list[asyncio.Task[Answer]]" = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    @property
    def tasks(self) -> "Sequence[asyncio.Task[Any]]":
        return [*self.streams, *self.calls]

    async def listen(self, stack: AsyncExitStack, caller: Caller, number: int) -> None:
        """Open a stream of the modern era."""
        wire = MODERN.request(caller.secret, "subscriptions/listen", {"notifications": EVERYTHING}, number)
        await self._open(stack, wire, b"subscriptions/acknowledged")

    async def get(self, stack: AsyncExitStack, caller: Caller) -> None:
        """Open the stream of a new conversation of the legacy era."""
        host = await asyncio.to_thread(begin, caller, {})
        headers = {**host.headers(), "Accept": "text/event-stream"}
        await self._open(stack, Wire("GET", "/mcp", headers), b"id: ")

    async def sse(self, stack: AsyncExitStack, caller: Caller, *messages: dict[str, Any]) -> None:
        """Open a stream of HTTP+SSE, and post messages, the first of which is answered."""
        headers = {"Authorization": f"Bearer {caller.secret}"}
        reader, found = await self._connect(stack, Wire("GET", "/sse", headers), b"session_id=")
        found += await reader.readuntil(b"\n\n")
        path = found.decode().partition("event: endpoint\ndata: ")[2].split()[0]
        for number, message in enumerate(messages):
            body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            posted = Wire("POST", path, {**headers, "Content-Type": "application/json"}, body)
            assert (await asyncio.to_thread(caller.send, posted)).status_code == 202
            if number == 0:
                await reader.readuntil(b'"result"')
        self.streams.append(asyncio.create_task(self._until_end(_read_all(reader))))

    def call(self, http: httpx.AsyncClient, caller: Caller, face: Face, tool: str) -> None:
        """Begin a call that would take minutes."""

        async def answer() -> Answer:
            wire = face.call(caller.secret, tool, SLOW)
            response = await http.request(wire.method, wire.path, headers=wire.headers, content=wire.body)
            return face.read(response.status_code, response.content)

        self.calls.append(asyncio.create_task(self._until_end(answer())))

    async def _open(self, stack: AsyncExitStack, wire: Wire, sign: bytes) -> None:
        reader, _ = await self._connect(stack, wire, sign)
        self.streams.append(asyncio.create_task(self._until_end(_read_all(reader))))

    async def _connect(
        self, stack: AsyncExitStack, wire: Wire, sign: bytes
    ) -> tuple[asyncio.StreamReader, bytes]:
        """Send a request, and read until the sign that its stream is open."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        stack.callback(writer.close)
        length = {"Content-Length": str(len(wire.body))} if wire.body else {}
        writer.write(head(wire.method, wire.path, {**wire.headers, **length}) + wire.body)
        found = await reader.readuntil(sign)
        status = _FIRST_LINE.match(found)
        assert status is not None
        assert status[1] == b"200", found
        return reader, found

    async def _until_end(self, work: Awaitable[T]) -> T:
        try:
            return await work
        finally:
            self.ends.append(time.monotonic())


async def _read_all(reader: asyncio.StreamReader) -> None:
    """Read to the end of a stream: the last chunk, or the end of the connection."""
    tail = b""
    while piece := await reader.read(65536):
        tail = (tail + piece)[-7:]
        if tail.endswith(b"\r\n0\r\n\r\n"):
            return


async def open_everything(
    stack: AsyncExitStack, port: int, *, key: Caller, session: Caller, token: Caller, tool: str
) -> Opened:
    """Open 50 streams and six calls, in turn with a key, a session and an access token."""
    opened, ways = Opened(port), (key, session, token)
    initialize = {
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2024-11-05",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    call = {"id": 2, "method": "tools/call", "params": {"name": tool, "arguments": SLOW}}
    for number in range(20):
        await opened.listen(stack, ways[number % 3], number)
    for number in range(20):
        await opened.get(stack, ways[number % 3])
    await opened.sse(stack, key, initialize, call)
    for number in range(9):
        await opened.sse(stack, ways[number % 3], *([initialize] if number < 5 else []))
    http = await stack.enter_async_context(
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False)
    )
    for way, face in ((key, LEGACY), (session, MODERN), (session, REST), (token, LEGACY), (token, MODERN)):
        opened.call(http, way, face, tool)
    return opened
