"""The echoing server over streamable HTTP and HTTP+SSE, in this process or alone in one."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.mcp_servers.echoed import POLL_SECONDS, Received, answer, text_of
from tests.patience import PATIENCE

SESSION = "Mcp-Session-Id"
_OWN_QUERY = frozenset({"session_id"})


class EchoingServer:
    """The server over HTTP: `/mcp` and `/sse`, with the members that a test reads or changes.

    `accepted` are the values of `Authorization` that are not refused, if they begin with `accepted_prefix`; None
    accepts all. `seen` has the method, path
    and credential of every HTTP request.
    """

    def __init__(self, *, own_tools: bool = False) -> None:
        self.own_tools = own_tools
        self.accepted: set[str] | None = None
        self.accepted_prefix = ""
        self.status = 401
        self.challenge = 'Bearer error="invalid_token"'
        self.seen: list[tuple[str, str, Received]] = []
        self.sessions: set[str] = set()
        self.url = ""
        self._streams: dict[str, web.StreamResponse] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def sse_url(self) -> str:
        """Return the URL of the older transport."""
        return self.url.replace("/mcp", "/sse")

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/mcp", self._post)
        app.router.add_get("/mcp", self._get)
        app.router.add_delete("/mcp", self._delete)
        app.router.add_get("/sse", self._open_sse)
        app.router.add_post("/messages", self._post_sse)
        return app

    def _received(self, request: web.Request) -> Received:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name == "Authorization" or name.startswith("X-")
        }
        query = {name: value for name, value in request.query.items() if name not in _OWN_QUERY}
        received = {"headers": headers, "query": query}
        self.seen.append((request.method, request.path, received))
        return received

    def _refusal(self, received: Received) -> web.Response | None:
        value = received["headers"].get("Authorization", "")
        if (self.accepted is None or value in self.accepted) and value.startswith(self.accepted_prefix):
            return None
        return web.Response(
            status=self.status,
            headers={"WWW-Authenticate": self.challenge},
            text=f"no: {received['headers']}",
        )

    async def _result(self, message: dict[str, Any], received: Received) -> dict[str, Any]:
        params = message.get("params") or {}
        known = answer(message["method"], params, received, own=self.own_tools)
        if known is None and message["method"] == "tools/call":
            until = (params.get("arguments") or {}).get("until")
            while until is not None and not Path(until).exists():  # noqa: ASYNC110, ASYNC240 - nothing tells of it
                await asyncio.sleep(POLL_SECONDS)
            known = text_of(received)
        body: dict[str, Any] = (
            {"error": {"code": -32601, "message": "no"}} if known is None else {"result": known}
        )
        return {"jsonrpc": "2.0", "id": message["id"], **body}

    async def _post(self, request: web.Request) -> web.Response:
        received = self._received(request)
        refusal = self._refusal(received)
        if refusal is not None:
            return refusal
        message = await request.json()
        if request.headers.get("Mcp-Protocol-Version") == "2026-07-28":
            return web.Response(status=400)
        if "id" not in message:
            return web.Response(status=202)
        headers = {}
        if message["method"] == "initialize":
            headers[SESSION] = secrets.token_hex(8)
            self.sessions.add(headers[SESSION])
        return web.json_response(await self._result(message, received), headers=headers)

    async def _get(self, request: web.Request) -> web.Response:
        return self._refusal(self._received(request)) or web.Response(status=405)

    async def _delete(self, request: web.Request) -> web.Response:
        refusal = self._refusal(self._received(request))
        self.sessions.discard(request.headers.get(SESSION, ""))
        return refusal or web.Response(status=204)

    async def _open_sse(self, request: web.Request) -> web.StreamResponse:
        refusal = self._refusal(self._received(request))
        if refusal is not None:
            return refusal
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        name = secrets.token_hex(8)
        self._streams[name] = stream
        self.sessions.add(name)
        await stream.write(f"event: endpoint\ndata: /messages?session_id={name}\n\n".encode())
        try:
            await asyncio.Event().wait()
        finally:
            self.sessions.discard(name)
            del self._streams[name]
        return stream

    async def _post_sse(self, request: web.Request) -> web.Response:
        received = self._received(request)
        refusal = self._refusal(received)
        if refusal is not None:
            return refusal
        message = await request.json()
        stream = self._streams[request.query["session_id"]]
        if "id" in message:
            task = asyncio.get_running_loop().create_task(self._write(stream, message, received))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response(status=202)

    async def _write(self, stream: web.StreamResponse, message: dict[str, Any], received: Received) -> None:
        data = json.dumps(await self._result(message, received))
        await stream.write(f"event: message\ndata: {data}\n\n".encode())


@asynccontextmanager
async def serve_echoing(*, own_tools: bool = False) -> AsyncIterator[EchoingServer]:
    """Run the server in this process."""
    server = EchoingServer(own_tools=own_tools)
    runner = web.AppRunner(server.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"http://127.0.0.1:{port}/mcp"
        yield server
    finally:
        async with asyncio.timeout(PATIENCE):
            await runner.cleanup()


async def serve_alone(*, own_tools: bool, accepted_prefix: str) -> None:
    """Run the server until this process ends; the first line of the output has the URL."""
    async with serve_echoing(own_tools=own_tools) as server:
        server.accepted_prefix = accepted_prefix
        print(json.dumps({"url": server.url}), flush=True)
        await asyncio.Event().wait()
