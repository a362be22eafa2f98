"""An MCP server that asks its host, logs and reports updates, over stdio or HTTP, in the stream of a call or beside it.

Over stdio it runs as a program; `AskingHttpServer` serves in this process.
"""

import argparse
import asyncio
import itertools
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.fakes.mcp_servers.toolbox import MODERN, SUBSCRIPTION, complete, text

Send = Callable[[dict[str, Any]], Awaitable[None]]

CAPABILITIES = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "logging": {},
}
NAMES = ("ask", "log", "declared", "update", "open_urls", "params", "send")
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]


class Session:
    """One session, with what the host declared, set and subscribed to."""

    def __init__(self) -> None:
        self.capabilities: Any = None
        self.levels: list[str] = []
        self.subscribed: list[str] = []
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.elsewhere: Send | None = None
        self.sends: dict[str, Send] = {}
        self.is_open = asyncio.Event()
        self.urls = 0


class Asking:
    """Answers requests; `send` puts messages on the stream of the request."""

    def __init__(
        self, era: str = "legacy", version: str = "2025-11-25", resources: Sequence[str] = ()
    ) -> None:
        self.era = era
        self.version = version
        self.resources = [{"uri": uri, "name": uri} for uri in resources]
        self._numbers = itertools.count(1)

    async def answer(
        self, session: Session, method: str, params: dict[str, Any], send: Send
    ) -> dict[str, Any] | None:
        """Return the reply members; None for an unknown method."""
        if method == "initialize" and self.era == "legacy":
            session.capabilities = params["capabilities"]
            return {
                "result": {"protocolVersion": self.version, "capabilities": CAPABILITIES, "serverInfo": {}}
            }
        if method == "server/discover" and self.era == "modern":
            return {"result": complete({"supportedVersions": [MODERN], "capabilities": CAPABILITIES})}
        if method == "ping":
            return {"result": {}}
        if method == "logging/setLevel":
            session.levels.append(params["level"])
        elif method in ("resources/subscribe", "resources/unsubscribe"):
            session.subscribed.append(f"{method.partition('/')[2]} {params['uri']}")
        elif method == "tools/call":
            return await self._call(session, params, send)
        results: dict[str, Any] = {
            "logging/setLevel": {},
            "resources/subscribe": {},
            "resources/unsubscribe": {},
            "tools/list": {"tools": TOOLS},
            "resources/list": {"resources": self.resources},
        }
        return {"result": self._whole(results[method])} if method in results else None

    async def _call(self, session: Session, params: dict[str, Any], send: Send) -> dict[str, Any]:
        name, arguments = params["name"], params.get("arguments") or {}
        if arguments.get("elsewhere"):
            await asyncio.wait_for(session.is_open.wait(), 20)
            send = session.elsewhere or send
        for message in _unasked(name, arguments):
            await send(message)
        found: Any = None
        if name == "ask":
            found = await self._ask(session, arguments, send)
        elif name == "declared":
            found = {
                "capabilities": session.capabilities,
                "levels": session.levels,
                "subscribed": session.subscribed,
                "pid": os.getpid(),
            }
        elif name == "open_urls":
            return await self._open_urls(session, arguments, send)
        elif name == "params":
            found = params
        return {"result": self._whole({**text("done"), "structuredContent": {"found": found}})}

    async def _ask(self, session: Session, arguments: dict[str, Any], send: Send) -> list[Any]:
        """Ask `count` questions, all at once, `rounds` times, and return the answers."""
        if arguments.get("rounds", 1) > 1:
            once = {**arguments, "rounds": 1}
            return [each for _ in range(arguments["rounds"]) for each in await self._ask(session, once, send)]
        method = arguments.get("method", "elicitation/create")
        ids = [f"q{next(self._numbers)}" for _ in range(arguments.get("count", 1))]
        for each in ids:
            session.answers[each] = asyncio.get_running_loop().create_future()
            session.sends[each] = send
        for each in ids:
            await send(
                {"id": each, "method": method, "params": {"message": "sure?", **arguments.get("params", {})}}
            )
        if arguments.get("goes_on"):
            return ids
        answers = [await asyncio.wait_for(session.answers[each], 20) for each in ids]
        return [answer.get("result", answer.get("error")) for answer in answers]

    async def withdraw(self, session: Session) -> None:
        """Withdraw every question, and some that were never asked; go on without the answers."""
        for each, send in session.sends.items():
            for name in ("unknown", None, {"x": 1}, each):
                await send({"method": "notifications/cancelled", "params": {"requestId": name}})
            session.answers[each].set_result({"result": "withdrawn"})

    async def _open_urls(self, session: Session, arguments: dict[str, Any], send: Send) -> dict[str, Any]:
        session.urls += 1
        if session.urls > arguments.get("times", 1):
            return {"result": self._whole(text(f"opened {session.urls - 1}"))}
        name = f"e{session.urls}"
        wanted = [{"mode": "url", "elicitationId": name, "url": "https://bank.example/x", "message": "pay"}]

        async def finish() -> None:
            await asyncio.wait_for(session.is_open.wait(), 20)
            assert session.elsewhere is not None
            completed = {"elicitationId": name}
            await session.elsewhere({"method": "notifications/elicitation/complete", "params": completed})

        self.finish = finish
        return {"error": {"code": -32042, "message": "open it", "data": {"elicitations": wanted}}}

    def _whole(self, result: dict[str, Any]) -> dict[str, Any]:
        return complete(result) if self.era == "modern" else result


def _unasked(name: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a tool sends before its answer."""
    if name == "log":
        params = [{"level": level, "data": arguments.get("data", level)} for level in arguments["levels"]]
        return [{"method": "notifications/message", "params": each} for each in params]
    if name == "update":
        updated = {"uri": arguments["uri"], "x-kept": 10**20}
        return [{"method": "notifications/resources/updated", "params": updated}]
    return list(arguments["messages"]) if name == "send" else []


class AskingHttpServer:
    """One server over HTTP; `without_sessions` it names none."""

    def __init__(self, era: str = "legacy", *, without_sessions: bool = False) -> None:
        self.asking = Asking(era)
        self.without_sessions = without_sessions
        self.sessions: dict[str, Session] = {}
        self.opened: list[Session] = []
        self.streams = 0
        self.listens: list[tuple[dict[str, Any], web.StreamResponse]] = []
        self.listening = asyncio.Condition()
        self.transports: set[Any] = set()
        self.url = ""

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Handle one message."""
        self.transports.add(request.transport)
        message = await request.json()
        method, number, params = message.get("method"), message.get("id"), message.get("params") or {}
        name = request.headers.get("Mcp-Session-Id", "")
        headers = {}
        if method == "initialize":
            name = "" if self.without_sessions else secrets.token_hex(8)
            self.sessions[name] = Session()
            self.opened.append(self.sessions[name])
            headers = {"Mcp-Session-Id": name} if name else {}
        session = (
            self.sessions.setdefault(name, Session())
            if self.asking.era == "modern"
            else self.sessions.get(name)
        )
        if session is None:
            return web.Response(status=404, text="Session not found")
        if method is None:
            if (answer := session.answers.get(message["id"])) is not None and not answer.done():
                answer.set_result(message)
            return web.Response(status=202)
        if number is None:
            return web.Response(status=202)
        if method == "subscriptions/listen":
            return await self._listen(request, number, params)
        if method != "tools/call":
            return _json(number, await self.asking.answer(session, method, params, _nowhere), headers)
        stream = await _stream(request)
        reply = await self.asking.answer(session, method, params, lambda each: _write(stream, each))
        await _write(stream, {"id": number, **(reply or {})})
        return stream

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Hold the stream of a session."""
        session = self.sessions.get(request.headers.get("Mcp-Session-Id", ""))
        if session is None or self.asking.era == "modern":
            return web.Response(status=405)
        stream = await _stream(request)
        session.elsewhere = lambda each: _write(stream, each)
        session.is_open.set()
        self.streams += 1
        await asyncio.Event().wait()
        return stream

    async def delete(self, request: web.Request) -> web.Response:
        """End a session."""
        self.sessions.pop(request.headers.get("Mcp-Session-Id", ""), None)
        return web.Response(status=204)

    def cut(self) -> None:
        """Break every connection."""
        for transport in self.transports:
            transport.abort()

    async def tell_listeners(self, method: str, **params: Any) -> None:
        """Send a notification on every subscription."""
        for _, stream in list(self.listens):
            await _write(stream, {"method": method, "params": params})

    async def until_listens(self, wanted: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the filters of the open subscriptions are as wanted."""
        async with asyncio.timeout(20), self.listening:
            await self.listening.wait_for(lambda: wanted([each for each, _ in self.listens]))

    async def _listen(self, request: web.Request, number: Any, params: dict[str, Any]) -> web.StreamResponse:
        stream = await _stream(request)
        told = {"notifications": params["notifications"], "_meta": {SUBSCRIPTION: number}}
        entry = (params["notifications"], stream)
        await self._count(lambda: self.listens.append(entry))
        await _write(stream, {"method": "notifications/subscriptions/acknowledged", "params": told})
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(self._count(lambda: self.listens.remove(entry)))
        return stream

    async def _count(self, change: Callable[[], None]) -> None:
        change()
        async with self.listening:
            self.listening.notify_all()


@asynccontextmanager
async def serve_asking(server: AskingHttpServer, port: int = 0) -> AsyncIterator[AskingHttpServer]:
    """Serve on a loopback port until the block ends; `server.url` says where."""
    app = web.Application()
    app.add_routes(
        [web.post("/mcp", server.post), web.get("/mcp", server.get), web.delete("/mcp", server.delete)]
    )
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
        yield server
    finally:
        await runner.cleanup()


async def _stream(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    return stream


async def _write(stream: web.StreamResponse, message: dict[str, Any]) -> None:
    await stream.write(b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n")


async def _nowhere(_: dict[str, Any]) -> None:
    """Send nothing."""


def _json(number: Any, reply: dict[str, Any] | None, headers: dict[str, str]) -> web.Response:
    body = {"jsonrpc": "2.0", "id": number, **(reply or {"error": {"code": -32601, "message": "unknown"}})}
    status = 200 if reply else 404
    return web.json_response(body, headers=headers, status=status)


async def _main() -> None:
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--era", default="legacy")
    flags.add_argument("--resource", action="append", default=[], help="a URI to list")
    options = flags.parse_args()
    asking, session = Asking(options.era, resources=options.resource), Session()
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )

    async def send(message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    session.elsewhere = send
    session.is_open.set()

    async def handle(number: Any, method: str, params: dict[str, Any]) -> None:
        reply = await asking.answer(session, method, params, send)
        await send({"id": number, **(reply or {"error": {"code": -32601, "message": "unknown"}})})

    tasks = set()
    while line := await reader.readline():
        message = json.loads(line)
        if "method" not in message:
            if (answer := session.answers.get(message["id"])) is not None and not answer.done():
                answer.set_result(message)
        elif "id" in message:
            tasks.add(
                asyncio.create_task(handle(message["id"], message["method"], message.get("params") or {}))
            )


if __name__ == "__main__":
    asyncio.run(_main())
