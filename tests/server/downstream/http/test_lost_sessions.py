"""A lost session is recognised by every answer that downstreams give, and no request that may have run is repeated."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.downstream.http.lost_sessions import Answer, is_doubtful, proves_nothing_ran
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply
from tests.fakes.mcp_servers.http_server import SESSION, HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.support import Bench, bench, http_entry, result

Refuse = Callable[[Any], web.Response]


def plain(status: int, text: str = "", kind: str = "text/plain") -> Refuse:
    return lambda number: web.Response(status=status, text=text, content_type=kind)


def error(
    message: str, *, status: int = 200, own_id: bool = False, code: int = -32000, **more: Any
) -> Refuse:
    """Return an answer with a JSON-RPC error, with the id of the request or null."""

    def refuse(number: Any) -> web.Response:
        body = {"code": code, "message": message, **more}
        message_id = number if own_id else None
        return web.json_response({"jsonrpc": "2.0", "id": message_id, "error": body}, status=status)

    return refuse


def stream(data: dict[str, Any]) -> Refuse:
    """Return an event stream with one event, in which a null id becomes that of the request."""

    def refuse(number: Any) -> web.Response:
        event = {key: number if key == "id" else value for key, value in data.items()}
        return web.Response(
            text=f"event: message\ndata: {json.dumps(event)}\n\n", content_type="text/event-stream"
        )

    return refuse


NOT_RUN: dict[str, Refuse] = {
    "the protocol": plain(404),
    "404 with its reason": error("Session not found", status=404, code=-32001),
    "404 with the id": error("Session not found", status=404, own_id=True),
    "404 with the id, without a reason": error("Not Found", status=404, own_id=True, code=-32600),
    "400": plain(400),
    "400 in HTML": plain(400, "<html>Bad Request</html>", "text/html"),
    "400 of the TypeScript examples": error("Bad Request: No valid session ID provided", status=400),
    "400 of a transport that was started again": error("Bad Request: Server not initialized", status=400),
    "400 with the id": error("Invalid session ID", status=400, own_id=True),
    "401 of the Rust SDK": plain(401, "Unauthorized: Session not found"),
    "401 without a reason": plain(401),
    "403 of a shared store": error("Mcp-Session-Id principal mismatch", status=403),
    "409": plain(409, '{"detail":"session expired"}', "application/json"),
    "410": plain(410),
    "422": plain(422, '{"detail":[{"loc":["header","mcp-session-id"]}]}', "application/json"),
    "500 in plain text": plain(500, "Internal Server Error: session not found"),
    "500 around another error": plain(
        500,
        '{"error":"HTTP 400: {\\"message\\":\\"Bad Request: No valid session ID provided\\"}"}',
        "application/json",
    ),
    "500 with the id": error("Unknown session", status=500, own_id=True, code=-32603),
    "503": plain(503, "No transport found for sessionId"),
    "200 with null as id": error("Session not found"),
    "200 with the id": error("Session not found", own_id=True, code=-32001),
    "200 with the reason in data": error(
        "Internal error", own_id=True, code=-32603, data="session has expired"
    ),
    "200 with an error that is not JSON-RPC": plain(200, '{"error":"Session not found"}', "application/json"),
    "200 without a reason, with null as id": error("Bad Request"),
    "a stream with an error": stream(
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Invalid session"}}
    ),
    "a stream with an error that is not JSON-RPC": stream({"error": "Session not found"}),
    "a stream with an error without an id": stream(
        {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Session terminated by the server"}}
    ),
    "200 with the id, without a reason": error("Not found", own_id=True, code=-32001),
    "200 with the id, and a reason that names no session": error("Unknown client", own_id=True),
    "200 with the id, as the Python SDK before the handshake": error(
        "Invalid request parameters", own_id=True, code=-32602
    ),
    "400 with the id, without a reason": error("Bad Request", status=400, own_id=True, code=-32600),
    "an error that is a text": lambda number: web.json_response(
        {"jsonrpc": "2.0", "id": number, "error": "Session not found"}
    ),
    "not initialized": error("Received request before initialization was complete", own_id=True, code=-32602),
}

MAY_HAVE_RUN: dict[str, Refuse] = {
    "500 without a reason": plain(500),
    "500 in HTML": plain(500, "<html>Internal Server Error</html>", "text/html"),
    "the end of the session": error("Session closed", own_id=True),
    "an error that mentions the session": error("cannot write the session file", own_id=True, code=-32603),
}


class Restarting(HttpServer):
    """A server whose sessions are lost when a test says so; it refuses a lost one by `refuse`."""

    def __init__(self, refuse: Refuse, *, of_ping: Refuse | None = None) -> None:
        super().__init__(Toolbox(), sessions=True)
        self.keeps_requests = True
        self.refuse = refuse
        self.of_ping = of_ping or refuse
        self.runs_first = False

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Refuse the requests of a session that is not known."""
        message = json.loads(await request.read())
        session = request.headers.get(SESSION)
        if session is None or session in self.sessions:
            return await super().post(request)
        method, number = message.get("method"), message.get("id")
        self.requests.append((method, dict(request.headers)))
        if method == "tools/call" and self.runs_first:
            self.toolbox.note(message["params"])
        return (self.of_ping if method == "ping" else self.refuse)(number)

    def count(self, method: str) -> int:
        return [name for name, _ in self.requests].count(method)


@asynccontextmanager
async def restarting(refuse: Refuse, **options: Any) -> AsyncIterator[tuple[Restarting, Bench]]:
    server = Restarting(refuse, **options)
    async with serve(server), bench(http_entry(server.url)) as box:
        await box.call("echo")
        server.toolbox.calls = 0
        server.requests.clear()
        yield server, box


@pytest.mark.parametrize("refuse", NOT_RUN.values(), ids=NOT_RUN)
async def test_a_lost_session_is_opened_again_and_the_call_repeated_once(refuse: Refuse):
    async with restarting(refuse) as (server, box):
        server.sessions.clear()
        assert await box.text("echo", text="again") == "again"
        assert server.toolbox.calls == 1
        assert server.count("initialize") == 1
        assert server.count("tools/call") == 2


@pytest.mark.parametrize("refuse", MAY_HAVE_RUN.values(), ids=MAY_HAVE_RUN)
async def test_a_call_that_may_have_run_is_not_repeated_but_the_next_has_a_new_session(refuse: Refuse):
    async with restarting(refuse, of_ping=plain(404)) as (server, box):
        server.runs_first = True
        server.sessions.clear()
        with pytest.raises(DownstreamUnavailableError, match="may have run"):
            await box.call("echo")
        assert server.toolbox.calls == 1
        assert await box.text("echo", text="next") == "next"
        assert server.count("initialize") == 1


@pytest.mark.parametrize(
    "refuse",
    [
        error("Internal server error", status=500, code=-32603),
        error("Internal server error", status=500, own_id=True, code=-32603),
        error("Cannot read properties of undefined", own_id=True, code=-32603),
    ],
)
async def test_a_session_in_which_every_request_fails_is_opened_again(refuse: Refuse):
    async with restarting(refuse) as (server, box):
        server.sessions.clear()
        with pytest.raises(DownstreamUnavailableError, match="may have run"):
            await box.call("echo")
        assert await box.text("echo", text="next") == "next"
        assert (server.count("initialize"), server.toolbox.calls) == (1, 1)


@pytest.mark.parametrize(
    "refuse", [plain(400, "session expired"), error("Not found", own_id=True, code=-32001)]
)
async def test_calls_that_meet_the_loss_together_open_one_session(refuse: Refuse):
    async with restarting(refuse) as (server, box):
        server.sessions.clear()
        texts = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(20)))
        assert texts == [str(number) for number in range(20)]
        assert server.count("initialize") == 1
        assert server.toolbox.calls == 20


@pytest.mark.parametrize(
    "refuse",
    [
        error("Session not found: browser-7", own_id=True, code=-32602),
        error("Unknown session", status=400, own_id=True),
        error("Tool session expired"),
        error("Not found", own_id=True, code=-32001),
        error("Bad Request", status=400, own_id=True, code=-32600),
        error("session is undefined", own_id=True, code=-32603),
        error("Invalid request parameters", own_id=True, code=-32602),
    ],
)
async def test_an_error_in_a_session_that_lives_belongs_to_the_caller(refuse: Refuse):
    class Living(Restarting):
        async def post(self, request: web.Request) -> web.StreamResponse:
            message = json.loads(await request.read())
            if message.get("method") == "tools/call":
                self.toolbox.note(message["params"])
                return self.refuse(message["id"])
            if message.get("method") == "ping":
                return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": {}})
            return await super().post(request)

    server = Living(refuse)
    async with serve(server), bench(http_entry(server.url)) as box:
        assert (await box.call("echo")).error is not None
        assert server.toolbox.calls == 1
        assert server.count("initialize") == 1


async def test_a_server_without_ping_keeps_its_session():
    async with restarting(plain(404), of_ping=plain(404)) as (server, box):

        async def refuse(*_: Any) -> web.Response:
            return web.json_response(
                {"jsonrpc": "2.0", "id": None, "error": {"code": -32603, "message": "no session today"}}
            )

        server._call = refuse
        assert b"no session today" in ((await box.call("echo")).error or b"")
        assert server.count("initialize") == 0


async def test_a_retry_in_the_new_session_is_the_only_one():
    async with restarting(plain(400, "no session")) as (server, box):
        server.sessions.clear()
        server.statuses = [0, 0, 404]
        with pytest.raises(DownstreamUnavailableError, match="forgets a session"):
            await box.call("echo")
        assert server.count("tools/call") == 2
        assert server.toolbox.calls == 0


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_secret_that_was_replaced_is_read_before_the_refused_call_is_repeated(
    era: str, tmp_path: Path
):
    secret = tmp_path / "token"
    secret.write_text("Bearer one")
    server = HttpServer(Toolbox(era=era))
    server.token = "Bearer one"
    async with (
        serve(server),
        bench(http_entry(server.url, headers={"Authorization": f"file://{secret}"})) as box,
    ):
        secret.write_text("Bearer two")
        server.token = "Bearer two"
        assert await box.text("echo", text="let in") == "let in"
        assert server.toolbox.calls == 1


async def test_a_new_session_begins_with_the_secrets_of_now(tmp_path: Path):
    secret = tmp_path / "token"
    secret.write_text("one")
    server = Restarting(plain(400, "session expired"))
    async with serve(server), bench(http_entry(server.url, headers={"X-Token": f"file://{secret}"})) as box:
        secret.write_text("two")
        await box.call("echo")
        assert server.requests[-1][1]["X-Token"] == "one"
        server.sessions.clear()
        await box.call("echo")
        assert server.requests[-1][1]["X-Token"] == "two"


async def test_a_secret_that_is_refused_and_has_not_changed_is_not_tried_twice():
    server = HttpServer(Toolbox(era="modern"))
    server.keeps_requests = True
    async with serve(server), bench(http_entry(server.url, headers={"Authorization": "Bearer one"})) as box:
        server.token = "Bearer two"
        before = len(server.requests)
        with pytest.raises(DownstreamUnavailableError, match=r"refused the credentials \(HTTP 401\)"):
            await box.call("echo")
        assert [name for name, _ in server.requests[before:]].count("tools/call") == 1
        await box.listener.status(DownstreamStatus.DEGRADED)


async def test_the_stream_for_changes_notices_the_loss():
    async with restarting(plain(400, "session expired")) as (server, box):
        await server.listening.wait()
        server.unknown_session_status = 400
        server.sessions.clear()
        server.listening.clear()
        for stream_of_changes, *_ in list(server.listeners):
            assert stream_of_changes._req is not None
            assert stream_of_changes._req.transport is not None
            stream_of_changes._req.transport.close()
        await server.listening.wait()
        assert server.count("initialize") == 1
        await box.call("grow")
        await box.listener.until(lambda change: any(t.name.startswith("extra_") for t in change.tools))


async def test_a_result_is_never_doubted():
    async with restarting(plain(404)) as (server, box):
        reply = await box.call("echo", text="session not found")
        assert result(reply)["content"]
        assert server.count("ping") == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, b"session gone"),
        (500, b"Session 7 does not exist"),
        (200, b"the session doesn't exist"),
        (200, b"session has not been found"),
        (200, b"no active session"),
        (503, b"invalid or expired MCP session"),
        (200, b"cannot find session 12"),
        (200, b"Server not initialized"),
        (200, b"method is invalid during session initialization"),
        (200, b"stale mcp-session-id"),
    ],
)
def test_words_for_an_unknown_session_prove_that_nothing_ran(status: int, text: bytes):
    answer = Answer(status, Reply(result=None, error=b'{"code":1}'), is_own=status != 400, text=text)
    assert is_doubtful(answer)
    assert proves_nothing_ran(answer)


@pytest.mark.parametrize("status", [408, 425, 429, 499, 502, 503, 504])
def test_time_and_load_say_nothing_about_the_session(status: int):
    assert not is_doubtful(Answer(status, None, is_own=False))
    assert not proves_nothing_ran(Answer(status, None, is_own=False))
