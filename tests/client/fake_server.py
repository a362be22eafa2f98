"""A small Ambassador server for tests: records all requests and simulates failures on demand."""

import asyncio
import itertools
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from aiohttp import web
from mcp.shared.inbound import classify_inbound_request, validate_mcp_param_headers

from tests.patience import PATIENCE

KEY = "amb_pk_" + "k" * 48

Json = dict[str, Any]


@dataclass
class Call:
    """One POST to `/mcp`."""

    headers: dict[str, str]
    body: bytes

    @cached_property
    def message(self) -> Json:
        """The body, decoded."""
        decoded: Json = json.loads(self.body)
        return decoded


@dataclass
class FakeServer:
    """The server. Tests change its members while it runs; `calls` and the counters record the requests."""

    key: str = KEY
    methods: dict[str, "Handler"] = field(default_factory=dict)
    """Handlers that are added or replaced by a test."""
    tools: list[Json] = field(default_factory=lambda: [{"name": "echo", "inputSchema": {"type": "object"}}])
    refusals: list[tuple[int, Json | bytes, dict[str, str]]] = field(default_factory=list)
    """Error answers for the next registrations."""
    use_events: bool = False
    """Answer requests with an event stream."""
    tokens_work: bool = True
    """Whether issued session tokens are accepted."""

    issues_sessions: bool = False
    """Issue an MCP session for each `initialize`, and require it from legacy hosts."""
    features: Json = field(default_factory=dict)
    """The capabilities in the answer to `initialize`."""
    offers_stream: bool = False
    """Whether `GET /mcp` is served."""

    requests: list[str] = field(default_factory=list)
    """The method and path of every request, in order."""
    registrations: list[Json] = field(default_factory=list)
    hosts: dict[str, Json] = field(default_factory=dict)
    listeners: list[web.StreamResponse] = field(default_factory=list)
    refused_streams: int = 0
    listened: list[Call] = field(default_factory=list)
    unfinished: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(
        default_factory=dict
    )
    """Handlers that continue a stream, by the last event id."""
    responses: dict[Any, Json] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    heartbeats: int = 0
    disconnected: list[str] = field(default_factory=list)
    ended_conversations: list[dict[str, str]] = field(default_factory=list)
    """The headers of each DELETE /mcp."""
    delete_status: int | None = 204
    """The status of the answer to DELETE /mcp; None never answers."""
    disconnect_headers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    running: int = 0
    cancelled: int = 0
    connections: set[Any] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    port: int = 0
    tls: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the same port as before if it was stopped."""
        app = web.Application(client_max_size=80 << 20, middlewares=[self._count])
        app.router.add_post("/v1/sessions/register", self._register)
        app.router.add_post("/v1/sessions/heartbeat", self._heartbeat)
        app.router.add_delete("/v1/sessions/connections/{connection_id}", self._disconnect)
        app.router.add_get("/v1/tools", self._list)
        app.router.add_get("/v1/me", self._me)
        app.router.add_post("/mcp", self._mcp)
        app.router.add_get("/mcp", self._stream)
        app.router.add_delete("/mcp", self._leave)
        app.router.add_post("/some/prefix/v1/sessions/register", self._register)
        app.router.add_post("/some/prefix/mcp", self._mcp)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def forget_sessions(self) -> None:
        """Invalidate all session tokens, like a restarted server."""
        self.sessions.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is checked after every request."""
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(condition)

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    @web.middleware
    async def _count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path}")
        await self._note()
        response: web.StreamResponse = await handler(request)
        return response

    async def _register(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.registrations.append(body)
        await self._note()
        if self.refusals:
            status, answer, headers = self.refusals.pop(0)
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            kind = "text/html" if isinstance(answer, bytes) else "application/problem+json"
            return web.Response(status=status, body=raw, content_type=kind, headers=headers)
        if body["preshared_key"] != self.key:
            return problem(401, "AMB-2001", "The preshared key is not valid.")
        number = next(self._numbers)
        token, connection = f"amb_st_{number}", f"connection-{number}"
        self.sessions[token] = connection
        answer = {
            "session_id": f"session-{number}",
            "session_token": token,
            "expires_at": (datetime.now(UTC) + timedelta(hours=8)).isoformat(timespec="milliseconds"),
            "profile_id": "profile",
            "connection_id": connection,
        }
        return web.json_response(answer, status=201)

    async def _heartbeat(self, request: web.Request) -> web.Response:
        if (refused := self._check(request)) is not None:
            return refused
        self.heartbeats += 1
        await self._note()
        return web.json_response(
            {"status": "ok", "session_status": "active", "expires_at": "2099-01-01T00:00:00Z"}
        )

    async def _disconnect(self, request: web.Request) -> web.Response:
        if (refused := self._check(request)) is not None:
            return refused
        self.disconnect_headers = dict(request.headers)
        self.disconnected.append(request.match_info["connection_id"])
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.sessions.pop(request.headers.get("X-Session-Token", bearer))
        await self._note()
        return web.json_response(
            {"status": "disconnected", "connection_id": request.match_info["connection_id"]}
        )

    async def _list(self, request: web.Request) -> web.Response:
        if (refused := self._check(request)) is not None:
            return refused
        return web.json_response(
            {"tools": self.tools, "api_version": "1.0", "timestamp": "2026-01-01T00:00:00Z"}
        )

    async def _me(self, request: web.Request) -> web.Response:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer != self.key and bearer not in self.sessions:
            return problem(401, "AMB-2002", "The session is not valid.")
        key = {"id": "key-1", "name": "laptop", "expires_at": None}
        me = {"user": "alice", "groups": ["developers"], "key": key, "tools": len(self.tools)}
        return web.json_response({**me, "refused": None, "stops": [], "server_version": "0.0.9"})

    def _check(self, request: web.Request) -> web.Response | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = request.headers.get("X-Session-Token", bearer)
        if self.tokens_work and (token in self.sessions or bearer == self.key):
            return None
        return problem(401, "AMB-2002", "The session is not valid.")

    async def _mcp(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if (refused := self._check(request)) is not None:
            return refused
        call = Call(dict(request.headers), body)
        self.calls.append(call)
        self.connections.add(request.transport.get_extra_info("peername") if request.transport else None)
        await self._note()
        if (refused := _check_mcp(self, call)) is not None:
            return refused
        if "method" not in call.message:
            self.responses[call.message["id"]] = call.message
            await self._note()
        if call.message.get("id") is None or "method" not in call.message:
            return web.Response(status=202)
        self.running += 1
        try:
            return await self._answer(request, call.message)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
            await asyncio.shield(self._note())

    async def _leave(self, request: web.Request) -> web.Response:
        self.ended_conversations.append(dict(request.headers))
        await self._note()
        if (refused := self._check(request)) is not None:
            return refused
        if self.delete_status is None:
            await asyncio.Event().wait()
        self.hosts.pop(request.headers.get("Mcp-Session-Id", ""), None)
        return web.Response(status=self.delete_status or 500)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._check(request)) is not None:
            return refused
        if (last_id := request.headers.get("Last-Event-ID", "")) in self.unfinished:
            return await self.unfinished.pop(last_id)(request)
        if not self.offers_stream:
            self.refused_streams += 1
            return problem(405, "AMB-1003", "Method not allowed")
        self.listened.append(Call(dict(request.headers), b""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.listeners.append(response)
        await self._note()
        try:
            await asyncio.Event().wait()
        finally:
            self.listeners.remove(response)
            await asyncio.shield(self._note())
        return response

    async def say(self, message: Json, event_id: str = "") -> None:
        """Send a message on every open server stream."""
        for listener in self.listeners:
            await listener.write(f"id: {event_id}\ndata: {json.dumps(message)}\n\n".encode())

    async def _answer(self, request: web.Request, message: Json) -> web.StreamResponse:
        handler = self.methods.get(message["method"]) or _METHODS.get(message["method"])
        if handler is None and message["method"] == "tools/call":
            handler = _TOOLS.get(message["params"]["name"])
        if handler is None:
            error = {"code": -32601, "message": "Method not found"}
            return _json(404, {"jsonrpc": "2.0", "id": message["id"], "error": error})
        answer = await handler(self, message, request)
        if isinstance(answer, web.StreamResponse):
            return answer
        if "_meta" in message.get("params", {}):
            answer = {"resultType": "complete", **answer}
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer}
        return await _events(request, [reply]) if self.use_events else _json(200, reply)


def _check_mcp(server: FakeServer, call: Call) -> web.Response | None:
    """Refuse invalid messages; the SDK validates the headers of the modern era."""
    message, headers = call.message, {name.lower(): value for name, value in call.headers.items()}
    if "_meta" not in message.get("params", {}):
        is_known = message.get("method") == "initialize" or headers.get("mcp-session-id") in server.hosts
        return _json(404, {"error": "session"}) if server.issues_sessions and not is_known else None
    rejected: Any = classify_inbound_request(message, headers=headers)
    if message["method"] == "tools/call" and not hasattr(rejected, "code"):
        schemas = [tool["inputSchema"] for tool in server.tools if tool["name"] == message["params"]["name"]]
        arguments = message["params"].get("arguments") or {}
        rejected = validate_mcp_param_headers(schemas[0], arguments, headers) if schemas else None
    if not hasattr(rejected, "code"):
        return None
    error = {"code": rejected.code, "message": rejected.message}
    return _json(400, {"jsonrpc": "2.0", "id": message["id"], "error": error})


def problem(status: int, code: str, message: str, **headers: str) -> web.Response:
    """Return a problem document."""
    body = {"status": status, "code": code, "error": "refused", "message": message, "request_id": "req-1"}
    return web.Response(
        status=status, text=json.dumps(body), content_type="application/problem+json", headers=headers
    )


def _json(status: int, body: Json) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


async def _events(request: web.Request, messages: list[Json]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": hello\n\n")
    for message in messages:
        # Written over several lines, as the format allows.
        data = "".join(f"data: {line}\n" for line in json.dumps(message, indent=1).splitlines())
        await response.write(f"event: message\n{data}\n".encode())
    await response.write_eof()
    return response


Answer = Json | web.StreamResponse


async def _initialize(server: FakeServer, message: Json, request: web.Request) -> Answer:
    result = {
        "protocolVersion": message["params"]["protocolVersion"],
        "capabilities": server.features,
        "serverInfo": {},
    }
    if not server.issues_sessions:
        return result
    name = f"host-{len(server.hosts) + 1}"
    server.hosts[name] = message
    answer = _json(200, {"jsonrpc": "2.0", "id": message["id"], "result": result})
    answer.headers["Mcp-Session-Id"] = name
    return answer


async def _ask(server: FakeServer, message: Json, request: web.Request) -> Answer:
    """Ask the host a question on the call's stream, and return its answer."""
    question = {"jsonrpc": "2.0", "id": f"q-{message['id']}", **message["params"]["arguments"]}
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b"id: 0\ndata:\n\n" + f"data: {json.dumps(question)}\n\n".encode())
    async with server.changed:
        await server.changed.wait_for(lambda: question["id"] in server.responses)
    told = server.responses[question["id"]]
    result = {
        "content": [],
        "structuredContent": {key: told[key] for key in ("result", "error") if key in told},
    }
    await response.write(
        f"data: {json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': result})}\n\n".encode()
    )
    await response.write_eof()
    return response


async def _interview(_: FakeServer, message: Json, __: web.Request) -> Answer:
    """Ask the questions in the arguments, in rounds, and return the answers; `rounds` of None never ends."""
    params = message["params"]
    wanted, rounds = params["arguments"].get("requests", {}), params["arguments"].get("rounds", 1)
    done = int(params.get("requestState", "0"))
    if rounds is None or done < rounds:
        return {"resultType": "input_required", "inputRequests": wanted, "requestState": str(done + 1)}
    capabilities = params["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    told = {"answers": params.get("inputResponses"), "declared": capabilities}
    return {"content": [{"type": "text", "text": json.dumps(told)}]}


async def _tools_list(server: FakeServer, message: Json, _: web.Request) -> Answer:
    cache = {"ttlMs": 0, "cacheScope": "private"} if "_meta" in message.get("params", {}) else {}
    return {"tools": server.tools, **cache}


async def _echo(_: FakeServer, message: Json, __: web.Request) -> Answer:
    return {"content": [{"type": "text", "text": json.dumps(message["params"].get("arguments"))}]}


async def _wait(server: FakeServer, message: Json, request: web.Request) -> Answer:
    await server.release.wait()
    return await _echo(server, message, request)


async def _swallow(server: FakeServer, _: Json, __: web.Request) -> Answer:
    await server.release.wait()
    return {"content": []}


async def _drop(_: FakeServer, __: Json, request: web.Request) -> Answer:
    assert request.transport is not None
    request.transport.abort()
    return {}


async def _progress(_: FakeServer, message: Json, request: web.Request) -> Answer:
    note = {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 1, "progress": 1},
    }
    result = {"content": [{"type": "text", "text": "done"}], "resultType": "complete"}
    return await _events(request, [note, {"jsonrpc": "2.0", "id": message["id"], "result": result}])


async def _cut(_: FakeServer, __: Json, request: web.Request) -> Answer:
    note = {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 1, "progress": 1},
    }
    return await _events(request, [note])


async def _parts(server: FakeServer, message: Json, request: web.Request) -> Answer:
    """Answer in three streams: one ends, one breaks, the last has the answer."""
    note = {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": 1, "progress": 1},
    }

    async def part(
        name: str, request: web.Request, data: Json | str, *, cut: bool = False
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        text = data if isinstance(data, str) else json.dumps(data)
        await response.write(f"id: {name}\nretry: 1\ndata: {text}\n\n".encode())
        if cut:
            assert request.transport is not None
            request.transport.abort()
        else:
            await response.write_eof()
        return response

    number = message["id"]
    answer = {"jsonrpc": "2.0", "id": number, "result": {"content": []}}
    server.unfinished[f"a-{number}"] = lambda request: part(f"b-{number}", request, note, cut=True)
    server.unfinished[f"b-{number}"] = lambda request: part(f"c-{number}", request, answer)
    return await part(f"a-{number}", request, "")


async def _raw(_: FakeServer, message: Json, __: web.Request) -> Answer:
    wanted = message["params"]["arguments"]
    return web.Response(
        status=wanted["status"],
        text=wanted["body"],
        content_type=wanted["type"],
        headers=wanted.get("headers", {}),
    )


Handler = Callable[[FakeServer, Json, web.Request], Awaitable[Answer]]

_METHODS: dict[str, Handler] = {"initialize": _initialize, "tools/list": _tools_list}
_TOOLS: dict[str, Handler] = {
    "echo": _echo,
    "wait": _wait,
    "swallow": _swallow,
    "drop": _drop,
    "progress": _progress,
    "cut": _cut,
    "raw": _raw,
    "parts": _parts,
    "ask": _ask,
    "interview": _interview,
}


@asynccontextmanager
async def running_server(tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[FakeServer]:
    """Run a server on a free port."""
    server = FakeServer(tls=tls, **more)
    await server.start()
    try:
        yield server
    finally:
        server.release.set()
        await server.stop()
