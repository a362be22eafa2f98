"""A lean MCP server over streamable HTTP (aiohttp), of either era, in this process or its own; prints its port."""

import asyncio
import base64
import json
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.fakes.mcp_servers.toolbox import (
    MODERN,
    SUBSCRIPTION,
    Toolbox,
    complete,
    confirmed,
    envelope_error,
    handshake,
    parser,
    progress_reports,
    question,
    text,
)

SESSION = "Mcp-Session-Id"


class HttpServer:
    """One server, with the members that a test reads or changes."""

    def __init__(self, toolbox: Toolbox, *, sse: bool = False, sessions: bool = True) -> None:
        self.toolbox = toolbox
        self.sse = sse
        self.with_sessions = sessions
        self.sessions: set[str] = set()
        self.ended_sessions = 0
        self.statuses: list[int] = []
        self.token: str | None = None
        self.unknown_session_status = 404
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.keeps_requests = False
        self.client_ports: set[int] = set()
        self.listeners: list[tuple[web.StreamResponse, Any, dict[str, Any] | None]] = []
        self.listening = asyncio.Event()
        self.was_cancelled = asyncio.Event()
        self.started_slow = asyncio.Event()
        self.holding = asyncio.Event()
        self.held: list[asyncio.Event] = []
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.unanswered: set[str] = set()
        self.url = ""

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Handle one message."""
        body = await request.read()
        message = json.loads(body)
        method, number = message.get("method"), message.get("id")
        if self.keeps_requests:
            self.client_ports.add(request.transport.get_extra_info("peername")[1] if request.transport else 0)
            self.requests.append((method or "answer", dict(request.headers)))
        if method != "subscriptions/listen" and self.statuses and (status := self.statuses.pop(0)):
            return web.Response(status=status, text="<html>Authorization: Bearer leaked</html>")
        if self.token is not None and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        params = message.get("params") or {}
        modern = _is_modern(self.toolbox.era, request)
        if modern:
            refusal = _check_modern(request, message, params, self.toolbox.tools)
        else:
            refusal = await self._check_legacy(request, method)
        if refusal is not None:
            return refusal
        if method in self.unanswered:
            await asyncio.Event().wait()
        if method is None:
            self.answers.pop(message["id"]).set_result(message)
            return web.Response(status=202)
        if number is None:
            if method == "notifications/cancelled":
                self._cancelled()
            return web.Response(status=202)
        return await self._request(request, number, method, params, modern)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Open the stream of a legacy session."""
        if request.headers.get(SESSION) not in self.sessions:
            return web.Response(status=self.unknown_session_status if SESSION in request.headers else 405)
        return await self._hold_listener(request, None)

    async def delete(self, request: web.Request) -> web.Response:
        """End a session."""
        self.sessions.discard(request.headers.get(SESSION, ""))
        self.ended_sessions += 1
        return web.Response(status=204)

    async def _request(
        self, request: web.Request, number: Any, method: str, params: dict[str, Any], modern: bool
    ) -> web.StreamResponse:
        reply = handshake(self.toolbox, method, params)
        if reply is not None:
            headers = {}
            if method == "initialize" and self.with_sessions:
                headers[SESSION] = secrets.token_hex(8)
                self.sessions.add(headers[SESSION])
            return await self._send(request, number, reply, headers)
        if (page := self.toolbox.page(method, params.get("cursor"))) is not None:
            result = page
        elif (served := self.toolbox.serve(method, params)) is not None:
            result = served
        elif method == "subscriptions/listen" and modern:
            return await self._hold_listener(request, number, params["notifications"])
        elif method == "tools/call":
            return await self._call(request, number, params, modern)
        else:
            return _error(number, -32601, "Method not found", 404 if modern else 200)
        return await self._send(request, number, {"result": complete(result) if modern else result})

    async def _call(
        self, request: web.Request, number: Any, params: dict[str, Any], modern: bool
    ) -> web.StreamResponse:
        self.toolbox.note(params)
        name, arguments = params["name"], params.get("arguments") or {}
        if name == "hang_up" and request.transport is not None:
            request.transport.abort()
        if name in ("slow", "hold", "grow", "refuse"):
            result = await self._run(name, arguments, modern)
        elif name == "progress":
            return await self._progress(request, number, params, modern)
        elif name in ("garbage", "ask"):
            return await self._chat(request, number, name, modern)
        elif name == "confirm" and not modern:
            return await self._confirm(request, number, arguments)
        elif name == "confirm":
            result = confirmed(arguments, params)
        else:
            result = self.toolbox.answer(name, arguments, params)
        if result is None:
            return _error(number, -32602, "no", 400 if modern else 200)
        return await self._send(request, number, {"result": complete(result) if modern else result})

    async def _run(self, name: str, arguments: dict[str, Any], modern: bool) -> dict[str, Any] | None:
        if name == "slow":
            self.started_slow.set()
            try:
                await asyncio.sleep(arguments["seconds"])
            except asyncio.CancelledError:
                if modern:
                    self._cancelled()
                raise
            return text("awake")
        if name == "hold":
            gate = asyncio.Event()
            self.held.append(gate)
            self.holding.set()
            if len(self.held) == arguments["count"]:
                for waiting in reversed(self.held):
                    waiting.set()
                self.held.clear()
            await gate.wait()
            return text("held")
        if name == "grow":
            self.toolbox.grow()
            await self.announce()
            return text("grown")
        return None

    async def _progress(
        self, request: web.Request, number: Any, params: dict[str, Any], modern: bool
    ) -> web.StreamResponse:
        """Send progress reports before and after the answer."""
        stream = await _open_stream(request)
        reports = progress_reports(params.get("arguments") or {}, params)
        for report in reports:
            await stream.write(_event({"method": "notifications/progress", "params": report}))
        if "seconds" in params["arguments"]:
            await self._run("slow", params["arguments"], modern)
        padding = "x" * params["arguments"].get("padding", 0)
        result = text(str(params.get("_meta", {}).get("progressToken")) + padding)
        await stream.write(_event({"id": number, "result": complete(result) if modern else result}))
        for report in reports:
            await stream.write(_event({"method": "notifications/progress", "params": report}))
        await stream.write_eof()
        return stream

    async def _chat(self, request: web.Request, number: Any, name: str, modern: bool) -> web.StreamResponse:
        """Answer in a stream with other messages before the answer."""
        stream = await _open_stream(request)
        answers: dict[str, Any] = {}
        if name == "garbage":
            for piece in (
                b": a comment\r\n",
                b"event: strange\r\ndata: {not json\r\n\r\n",
                b"id: 7\rretry: 5\r\r",
            ):
                await stream.write(piece)
            await stream.write(_event({"method": "notifications/progress", "params": {"progress": 1}}))
            await stream.write(b'data: {"jsonrpc":"2.0",\r\ndata: "id":99999,"result":{}}\r\n\r\n')
        else:
            for method in ("ping", "roots/list", "sampling/createMessage"):
                self.answers[method] = asyncio.get_running_loop().create_future()
                await stream.write(_event({"id": method, "method": method, "params": {}}))
                answers[method] = await asyncio.wait_for(asyncio.shield(self.answers[method]), 10)
        result = {**text(name), "structuredContent": answers}
        await stream.write(_event({"id": number, "result": complete(result) if modern else result}))
        await stream.write_eof()
        return stream

    async def _confirm(
        self, request: web.Request, number: Any, arguments: dict[str, Any]
    ) -> web.StreamResponse:
        """Ask the user in the stream of the answer."""
        stream = await _open_stream(request)
        answers = []
        for turn in range(1, arguments.get("rounds", 1) + 1):
            name = f"{number}-{turn}-{secrets.token_hex(4)}"
            answer = self.answers[name] = asyncio.get_running_loop().create_future()
            await stream.write(_event({"id": name, **question(turn, arguments.get("about", "it"))}))
            reply = await asyncio.wait_for(answer, 300)
            answers.append(reply.get("result", reply.get("error")))
        result = {**text("confirmed"), "structuredContent": {"answers": answers}}
        await stream.write(_event({"id": number, "result": result}))
        await stream.write_eof()
        return stream

    async def _send(
        self, request: web.Request, number: Any, reply: dict[str, Any], headers: dict[str, str] | None = None
    ) -> web.StreamResponse:
        message = {"jsonrpc": "2.0", "id": number, **reply}
        if not self.sse:
            return web.Response(
                body=json.dumps(message).encode(), content_type="application/json", headers=headers
            )
        stream = await _open_stream(request, headers)
        await stream.write(_event({"method": "notifications/progress", "params": {"progress": 1}}))
        await stream.write(_event(message))
        await stream.write_eof()
        return stream

    async def _hold_listener(
        self, request: web.Request, number: Any, wanted: dict[str, Any] | None = None
    ) -> web.StreamResponse:
        stream = await _open_stream(request)
        if number is not None:
            meta = {SUBSCRIPTION: number}
            acknowledged = {"notifications": wanted, "_meta": meta}
            await stream.write(
                _event({"method": "notifications/subscriptions/acknowledged", "params": acknowledged})
            )
        listener = (stream, number, wanted)
        self.listeners.append(listener)
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.listeners.remove(listener)
        return stream

    async def announce(self, kind: str = "tools") -> None:
        """Tell every listener that a list has changed."""
        for stream, number, wanted in list(self.listeners):
            if wanted is not None and not wanted.get(f"{kind}ListChanged"):
                continue
            params = {} if number is None else {"_meta": {SUBSCRIPTION: number}}
            await stream.write(_event({"method": f"notifications/{kind}/list_changed", "params": params}))

    def _cancelled(self) -> None:
        self.toolbox.cancelled += 1
        self.was_cancelled.set()

    async def _check_legacy(self, request: web.Request, method: str | None) -> web.Response | None:
        if method == "server/discover" and self.toolbox.era == "silent":
            await asyncio.Event().wait()
        if method == "initialize" or not self.with_sessions or request.headers.get(SESSION) in self.sessions:
            return None
        if SESSION in request.headers:
            return web.Response(status=self.unknown_session_status, text="Session not found")
        return web.Response(status=400, text="Bad Request: Missing session ID")


def _is_modern(era: str, request: web.Request) -> bool:
    return era == "modern" or (era == "both" and request.headers.get("MCP-Protocol-Version") == MODERN)


def _check_modern(
    request: web.Request, message: dict[str, Any], params: dict[str, Any], tools: list[dict[str, Any]]
) -> web.Response | None:
    method, number = message.get("method"), message.get("id")
    if method == "initialize" or number is None:
        return None
    expected = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **_mirrored(method, params, tools)}
    if any(_decoded(request.headers.get(name)) != value for name, value in expected.items()):
        return _error(number, -32020, "headers and body differ", 400)
    error = envelope_error(params)
    return _error(number, error["code"], error["message"], 400) if error else None


def _mirrored(method: str | None, params: dict[str, Any], tools: list[dict[str, Any]]) -> dict[str, str]:
    if method != "tools/call":
        return {}
    headers = {"Mcp-Name": params["name"]}
    schema: dict[str, Any] = next((t["inputSchema"] for t in tools if t["name"] == params["name"]), {})
    for key, value in schema.get("properties", {}).items():
        if "x-mcp-header" in value and key in params.get("arguments", {}):
            headers[f"Mcp-Param-{value['x-mcp-header']}"] = str(params["arguments"][key])
    return headers


def make_app(server: HttpServer) -> web.Application:
    """Return an application with the endpoint at `/mcp`."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/mcp", server.post)
    app.router.add_get("/mcp", server.get)
    app.router.add_delete("/mcp", server.delete)
    return app


@asynccontextmanager
async def serve(server: HttpServer, port: int = 0) -> AsyncIterator[HttpServer]:
    """Serve on a loopback port until the block ends; `server.url` says where."""
    runner = web.AppRunner(make_app(server), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
        yield server
    finally:
        await runner.cleanup()


async def _open_stream(request: web.Request, headers: dict[str, str] | None = None) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", **(headers or {})})
    await stream.prepare(request)
    return stream


def _event(message: dict[str, Any]) -> bytes:
    return b"event: message\ndata: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n"


def _decoded(value: str | None) -> str | None:
    if value is not None and value.startswith("=?base64?") and value.endswith("?="):
        return base64.b64decode(value[len("=?base64?") : -2]).decode()
    return value


def _error(number: Any, code: int, message: str, status: int) -> web.Response:
    body = {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json")


async def _main() -> None:
    flags = parser(__doc__ or "")
    flags.add_argument("--port", type=int, default=0)
    flags.add_argument("--sse", action="store_true", help="answer in event streams")
    options = flags.parse_args()
    toolbox = Toolbox(
        era=options.era,
        record=options.record,
        page_size=options.page_size,
        offers=options.offers,
        title=options.title,
    )
    async with serve(HttpServer(toolbox, sse=options.sse), options.port) as server:
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        os.write(1, json.dumps({"port": port, "url": server.url}).encode() + b"\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(_main())
    else:
        uvloop.run(_main())
