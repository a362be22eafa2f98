"""A lean MCP server over HTTP+SSE as 2024-11-05 defines it (aiohttp), in this process or its own; prints its port."""

import asyncio
import json
import os
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.fakes.mcp_servers.toolbox import CHANGED, Toolbox, handshake, parser, progress_reports, text


class SseSession:
    """One open stream, and the calls that came in its session."""

    def __init__(self, stream: web.StreamResponse) -> None:
        self.stream = stream
        self.closing = asyncio.Event()
        self.calls: dict[Any, asyncio.Task[None]] = {}
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def send(self, message: dict[str, Any]) -> None:
        await self.write(b"event: message\ndata: " + json.dumps({"jsonrpc": "2.0", **message}).encode())

    async def write(self, event: bytes) -> None:
        await self.stream.write(event + b"\n\n")


class SseServer:
    """One server, with the members that a test reads or changes."""

    def __init__(self, toolbox: Toolbox, *, endpoint: str = "/messages?session_id={}") -> None:
        self.toolbox = toolbox
        self.endpoint = endpoint
        self.sessions: dict[str, SseSession] = {}
        self.headers: list[dict[str, str]] = []
        self.methods: list[str] = []
        self.opened = 0
        self.token: str | None = None
        self.status = 0
        """Instead of 202, if set, after the message has been handled."""
        self.refusal: tuple[int, str] | None = None
        """Instead of handling a message: a status and a body."""
        self.held: list[asyncio.Event] = []
        self.late: asyncio.Event | None = None
        """If set, all refusals of unknown sessions but the first wait for a call in the next session."""
        self.refused = 0
        self.url = ""

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Hold the stream of a new session."""
        self.headers.append(dict(request.headers))
        if self.token is not None and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        name, session = secrets.token_hex(8), SseSession(stream)
        self.sessions[name] = session
        self.opened += 1
        try:
            await session.write(b": welcome")
            await session.write(b"event: endpoint\ndata: " + self.endpoint.format(name).encode())
            await session.closing.wait()
        finally:
            self.sessions.pop(name, None)
            for call in session.calls.values():
                call.cancel()
        return stream

    async def post(self, request: web.Request) -> web.Response:
        """Handle one message; the answer comes on the stream."""
        message = await request.json()
        self.headers.append(dict(request.headers))
        self.methods.append(message.get("method", "answer"))
        session = self.sessions.get(request.query.get("session_id", ""))
        if self.token is not None and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        if session is None:
            self.refused += 1
            if self.late is not None and self.refused > 1:
                await self.late.wait()
            return web.Response(status=404, text="Could not find session")
        if self.refusal is not None:
            return web.Response(status=self.refusal[0], text=self.refusal[1])
        await self._handle(session, message)
        if self.late is not None and message.get("method") == "tools/call":
            self.late.set()
        return web.Response(status=self.status or 202, text="Accepted")

    def close_streams(self) -> None:
        """End every session."""
        for session in self.sessions.values():
            session.closing.set()

    async def _handle(self, session: SseSession, message: dict[str, Any]) -> None:
        method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
        if method is None:
            if (answer := session.answers.pop(message["id"], None)) is not None:
                answer.set_result(message)
        elif number is None:
            if method == "notifications/cancelled":
                self.toolbox.cancelled += 1
                session.calls[params["requestId"]].cancel()
        elif (reply := handshake(self.toolbox, method, params)) is not None:
            await session.send({"id": number, **reply})
        elif (page := self.toolbox.page(method, params.get("cursor"))) is not None:
            await session.send({"id": number, "result": page})
        elif method == "tools/call":
            self.toolbox.note(params)
            call = asyncio.get_running_loop().create_task(self._call(session, number, params))
            session.calls[number] = call
            if self.status:
                await call
        else:
            await session.send({"id": number, "error": {"code": -32601, "message": "Method not found"}})

    async def _call(self, session: SseSession, number: Any, params: dict[str, Any]) -> None:
        name, arguments = params["name"], params.get("arguments") or {}
        if name == "progress":
            await self._progress(session, number, params)
            return
        result = self.toolbox.answer(name, arguments, params) or await self._run(session, number, params)
        if result is None:
            await session.send({"id": number, "error": {"code": -32602, "message": "no"}})
        else:
            await session.send({"id": number, "result": result})

    async def _run(self, session: SseSession, number: Any, params: dict[str, Any]) -> dict[str, Any] | None:
        arguments = params.get("arguments") or {}
        match params["name"]:
            case "slow":
                await asyncio.sleep(arguments["seconds"])
                return text("awake")
            case "hold":
                gate = asyncio.Event()
                self.held.append(gate)
                if len(self.held) == arguments["count"]:
                    for waiting in reversed(self.held):
                        waiting.set()
                    self.held.clear()
                await gate.wait()
                return text("held")
            case "grow":
                self.toolbox.grow()
                for each in self.sessions.values():
                    await each.send({"method": CHANGED, "params": {}})
                return text("grown")
            case "garbage":
                await self._write_garbage(session, number)
                return text("garbage")
            case "ask":
                return await self._ask(session, number)
            case _:
                return None

    async def _progress(self, session: SseSession, number: Any, params: dict[str, Any]) -> None:
        arguments = params.get("arguments") or {}
        reports = progress_reports(arguments, params)
        for report in reports:
            await session.send({"method": "notifications/progress", "params": report})
        await asyncio.sleep(arguments.get("seconds", 0))
        token = str(params.get("_meta", {}).get("progressToken"))
        await session.send({"id": number, "result": text(token)})
        for report in reports:
            await session.send({"method": "notifications/progress", "params": report})

    async def _write_garbage(self, session: SseSession, number: int) -> None:
        for piece in (
            b": a comment",
            b"event: strange\r\ndata: {not json\r\n",
            b"event: endpoint\ndata: http://198.51.100.1/elsewhere",
            b"data: {not json",
            b"data: \xff\xfe",
            b"data: [1, 2]",
            b"data: " + b"[" * 100_000,
            b"id: 7\rretry: 5\r",
            b'data: {"jsonrpc":"2.0",\r\ndata: "id":99999,"result":{}}\r\n',
            b'data: {"jsonrpc":"2.0","id":null,"result":{}}',
            b'data: {"jsonrpc":"2.0","id":"1","result":{}}',
        ):
            await session.write(piece)

    async def _ask(self, session: SseSession, number: Any) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for method in ("ping", "roots/list", "sampling/createMessage", "elicitation/create"):
            name = f"{method}-{number}"
            answer = session.answers[name] = asyncio.get_running_loop().create_future()
            await session.send({"id": name, "method": method, "params": {}})
            answers[method] = await asyncio.wait_for(answer, 10)
        return {**text("asked"), "structuredContent": answers}


@asynccontextmanager
async def serve_sse(
    server: SseServer, port: int = 0, context: ssl.SSLContext | None = None
) -> AsyncIterator[SseServer]:
    """Serve on a loopback port until the block ends; `server.url` says where."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/sse", server.get)
    app.router.add_post("/messages", server.post)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        scheme = "http" if context is None else "https"
        server.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/sse"
        yield server
    finally:
        server.close_streams()
        await runner.cleanup()


async def _main() -> None:
    options = parser(__doc__ or "").parse_args()
    async with serve_sse(SseServer(Toolbox(record=options.record, page_size=options.page_size))) as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        os.write(1, json.dumps({"port": port, "url": server.url}).encode() + b"\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
