"""The transport `streamable_http` on real sockets: sessions, streams, failures, secrets and limits."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ambassador_server.domain.catalog.mcps import DownstreamStatus, Sessions
from ambassador_server.downstream.http import options as http_options
from ambassador_server.downstream.transports import streamable_http
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from tests.client.certificates import make_server_identity
from tests.fakes.mcp_servers.http_server import HttpServer, make_app, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.certificates import make_certificate
from tests.server.downstream.support import PATIENCE, QUICK, Bench, bench, http_entry, result


@asynccontextmanager
async def served(
    era: str = "legacy", *, sse: bool = False, sessions: bool = True
) -> AsyncIterator[HttpServer]:
    """Run a fixture server that keeps the requests it gets."""
    server = HttpServer(Toolbox(era=era), sse=sse, sessions=sessions)
    server.keeps_requests = True
    async with serve(server):
        yield server


def methods(server: HttpServer) -> list[str]:
    return [method for method, _ in server.requests]


def last_headers(server: HttpServer, method: str = "tools/call") -> dict[str, str]:
    return [headers for name, headers in server.requests if name == method][-1]


async def test_a_legacy_conversation_follows_the_protocol():
    async with served() as server:
        async with bench(http_entry(server.url)) as box:
            await box.call("echo")
            await server.listening.wait()
        headers = last_headers(server)
    assert methods(server) == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
    ]
    assert "Mcp-Session-Id" not in last_headers(server, "initialize")
    assert headers["Mcp-Session-Id"]
    assert headers["MCP-Protocol-Version"] == "2025-11-25"
    assert headers["Accept"] == "application/json, text/event-stream"
    assert headers["Content-Type"] == "application/json"
    assert not {"Cookie", "Mcp-Method", "Mcp-Name"} & set(headers)
    assert server.ended_sessions == 1


async def test_a_modern_conversation_follows_the_protocol():
    async with served("modern") as server, bench(http_entry(server.url)) as box:
        await box.call("echo")
        headers = last_headers(server)
        params = result(await box.call("params"))["structuredContent"]
    assert headers["MCP-Protocol-Version"] == "2026-07-28"
    assert (headers["Mcp-Method"], headers["Mcp-Name"]) == ("tools/call", "echo")
    assert "Mcp-Session-Id" not in headers
    assert params["_meta"]["io.modelcontextprotocol/clientCapabilities"] == {}
    assert "initialize" not in methods(server)
    assert server.ended_sessions == 0


async def test_a_tool_name_beyond_ascii_is_mirrored_encoded():
    async with served("modern") as server, bench(http_entry(server.url)) as box:
        reply = await box.call("grüße")
        # The server compares the header with the body first, and only then looks for the tool.
        assert b"-32602" in (reply.error or b"")
        assert last_headers(server)["Mcp-Name"].startswith("=?base64?")


async def test_the_modern_era_is_chosen_for_a_server_of_both():
    async with served("both") as server, bench(http_entry(server.url)):
        assert "initialize" not in methods(server)


async def test_a_legacy_server_without_sessions_works():
    async with served(sessions=False) as server, bench(http_entry(server.url)) as box:
        assert await box.text("echo", text="hello") == "hello"
        assert "Mcp-Session-Id" not in last_headers(server)


async def test_a_lost_session_is_opened_once_and_every_call_repeated():
    async with served() as server, bench(http_entry(server.url)) as box:
        server.sessions.clear()
        texts = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(20)))
        assert texts == [str(number) for number in range(20)]
        assert methods(server).count("initialize") == 2
        # The calls of the lost session were refused before they ran.
        assert server.toolbox.calls == 20


async def test_a_server_that_forgets_every_session_is_given_up():
    async with served() as server, bench(http_entry(server.url)) as box:

        class Forgetful(set[str]):
            def add(self, session: str) -> None:
                """Forget it at once."""

        server.sessions = Forgetful()
        with pytest.raises(DownstreamUnavailableError, match="HTTP 404"):
            await box.call("echo")
        assert server.toolbox.calls == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "answered with HTTP 400"),
        (401, r"refused the credentials \(HTTP 401\)"),
        (302, "HTTP 302; redirects are not followed"),
        (404, "HTTP 404; is the URL right"),
        (500, "answered with HTTP 500"),
        (503, "answered with HTTP 503"),
    ],
)
async def test_an_error_names_the_status_and_not_the_body(status: int, text: str):
    async with served("modern") as server:
        mcp = http_entry(server.url, headers={"Authorization": "Bearer hunter2"})
        async with bench(mcp) as box:
            server.statuses = [status]
            with pytest.raises(DownstreamUnavailableError, match=text) as failure:
                await box.call("echo")
    assert "hunter2" not in repr(failure.value)
    assert "leaked" not in repr(failure.value)
    assert server.toolbox.calls == 0


async def test_redirects_are_not_followed():
    async with served() as target:

        async def elsewhere(_: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": target.url})

        app = web.Application()
        app.router.add_post("/mcp", elsewhere)
        async with running(app) as url:
            with pytest.raises(DownstreamUnavailableError, match="redirects are not followed"):
                await Bench().pool.probe(http_entry(url, headers={"X-Api-Key": "hunter2"}))
        assert target.requests == []


async def test_references_in_headers_are_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TOKEN_OF_THE_SERVER", "Bearer hunter2")
    (tmp_path / "key").write_text("k1\n")
    headers = {
        "Authorization": "env://TOKEN_OF_THE_SERVER",
        "X-Api-Key": f"file://{tmp_path}/key",
        "X-Plain": "p",
    }
    async with served() as server, bench(http_entry(server.url, headers=headers)) as box:
        await box.call("echo")
        sent = last_headers(server)
    assert (sent["Authorization"], sent["X-Api-Key"], sent["X-Plain"]) == ("Bearer hunter2", "k1", "p")


async def test_no_request_is_sent_when_a_secret_is_missing():
    async with served() as server:
        mcp = http_entry(server.url, headers={"Authorization": "env://NOT_SET_ANYWHERE"})
        with pytest.raises(DownstreamUnavailableError, match="env://NOT_SET_ANYWHERE is not set"):
            await Bench().pool.probe(mcp)
        assert server.requests == []


async def test_a_secret_with_a_line_end_inside_is_refused(tmp_path: Path):
    (tmp_path / "key").write_text("one\r\nX-Injected: two")
    async with served() as server:
        mcp = http_entry(server.url, headers={"X-Api-Key": f"file://{tmp_path}/key"})
        with pytest.raises(
            DownstreamUnavailableError, match="'X-Api-Key' holds control characters"
        ) as failure:
            await Bench().pool.probe(mcp)
    assert "one" not in str(failure.value)


async def test_a_refused_connection_is_named_in_the_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DownstreamUnavailableError, match=f"box: cannot connect to 127.0.0.1:{port}: "):
        await Bench().pool.probe(http_entry(f"http://127.0.0.1:{port}/mcp"))


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_call_that_may_have_run_is_never_repeated(era: str):
    async with served(era) as server, bench(http_entry(server.url)) as box:
        with pytest.raises(DownstreamUnavailableError, match="closed the connection without an answer"):
            await box.call("hang_up")
        assert server.toolbox.calls == 1


async def test_failures_in_a_row_open_the_circuit_and_a_handshake_closes_it():
    limits = replace(QUICK, first_retry=600.0, longest_retry=600.0, early=600.0)
    async with served() as server, bench(http_entry(server.url), limits=limits) as box:
        server.statuses = [503, 503, 503]
        for _ in range(3):
            with pytest.raises(DownstreamUnavailableError, match="HTTP 503"):
                await box.call("echo")
        await box.listener.status(DownstreamStatus.DEGRADED)
        assert box.tool_names()
        seen = len(server.requests)
        with pytest.raises(DownstreamUnavailableError, match="HTTP 503"):
            await box.call("echo")
        assert len(server.requests) == seen


async def test_the_half_open_circuit_recovers_by_itself():
    async with served() as server, bench(http_entry(server.url)) as box:
        server.statuses = [503] * 6
        for _ in range(3):
            with pytest.raises(DownstreamUnavailableError):
                await box.call("echo")
        box.listener.changes.clear()
        await box.listener.status(DownstreamStatus.READY)
        assert await box.text("echo", text="well again") == "well again"
        assert methods(server).count("server/discover") == 1, "the era is remembered"


async def test_a_call_in_flight_survives_the_opening_of_the_circuit():
    async with (
        served() as server,
        bench(http_entry(server.url), limits=replace(QUICK, retire=PATIENCE)) as box,
    ):
        held = asyncio.ensure_future(box.call("hold", count=2))
        await asyncio.wait_for(server.holding.wait(), PATIENCE)
        server.statuses = [503] * 3
        for _ in range(3):
            with pytest.raises(DownstreamUnavailableError):
                await box.call("echo")
        await box.call("hold", count=2)
        assert (await held).error is None


@pytest.mark.parametrize("sse", [False, True])
async def test_one_connection_serves_calls_one_after_another(sse: bool):
    async with served("modern", sse=sse) as server, bench(http_entry(server.url)) as box:
        await server.listening.wait()
        server.client_ports.clear()
        for number in range(20):
            await box.text("echo", text=str(number))
            await asyncio.sleep(0)
        assert len(server.client_ports) <= 2


@pytest.mark.parametrize("sse", [False, True])
async def test_an_answer_beyond_the_limit_is_refused(sse: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_options, "LARGEST_MESSAGE", 100_000)
    monkeypatch.setattr(streamable_http, "LARGEST_MESSAGE", 100_000)
    async with served(sse=sse) as server, bench(http_entry(server.url)) as box:
        with pytest.raises(DownstreamUnavailableError, match="answered with more than 100000 bytes"):
            await box.call("big", megabytes=1)
        assert await box.text("echo", text="next") == "next"


async def test_an_endless_answer_without_a_length_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_options, "LARGEST_MESSAGE", 1_000_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        while True:
            await stream.write(b" " * 65536)

    app = web.Application()
    app.router.add_post("/mcp", endless)
    async with running(app) as url:
        with pytest.raises(DownstreamUnavailableError, match="answered with more than 1000000 bytes"):
            await Bench().pool.probe(http_entry(url))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html></html>", "text/html"),
        (b"not json", "application/json"),
        (b'{"jsonrpc":"2.0","id":4242,"result":{}}', "application/json"),
        (b'{"jsonrpc":"2.0","method":"ping","id":1}', "application/json"),
        (b"data: nothing of use\n\n", "text/event-stream"),
        (b"[" * 100_000, "application/json"),
    ],
)
async def test_an_answer_that_is_not_mcp_is_an_error(body: bytes, kind: str):
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind)

    app = web.Application()
    app.router.add_post("/mcp", answer)
    async with running(app) as url:
        with pytest.raises(DownstreamUnavailableError, match=r"not MCP|was not asked|before the result"):
            await Bench().pool.probe(http_entry(url))


async def test_a_json_error_of_a_proxy_is_not_taken_for_an_answer():
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_token", "id": 1}, status=401)

    app = web.Application()
    app.router.add_post("/mcp", refuse)
    async with running(app) as url:
        with pytest.raises(DownstreamUnavailableError, match="refused the credentials"):
            await Bench().pool.probe(http_entry(url))


async def test_requests_in_the_stream_of_an_answer_are_answered():
    async with served() as server, bench(http_entry(server.url)) as box:
        answers = result(await box.call("ask"))["structuredContent"]
    assert answers["ping"]["result"] == {}
    assert answers["roots/list"]["error"]["code"] == -32601


async def test_a_silent_legacy_server_is_offered_both_handshakes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ambassador_server.downstream.handshake.HEDGE_SECONDS", 0.05)
    async with served("silent") as server, bench(http_entry(server.url)) as box:
        assert await box.text("echo", text="hello") == "hello"


async def test_a_server_that_hangs_is_given_up_and_delays_no_other():
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_post("/mcp", hang)
    async with running(app) as url, served() as server:
        box = Bench(replace(QUICK, connect=0.3))
        hanging = replace(http_entry(url), mcp_id="hanging")
        box.pool.apply([hanging, http_entry(server.url)])
        await box.listener.ready("m1")
        assert await box.text("echo", text="quick") == "quick"
        change = await box.listener.status(DownstreamStatus.DEGRADED)
        assert (change.mcp_id, change.error) == ("hanging", "did not get ready within 0.3 s")
        with pytest.raises(DownstreamTimeoutError):
            await box.pool.probe(hanging)
        await box.pool.close()


async def test_mirrored_parameters_are_sent_as_headers():
    annotated = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    async with served("modern") as server:
        server.toolbox.tools.append({"name": "params2", "inputSchema": annotated})
        server.toolbox.tools.append(
            {"name": "broken", "inputSchema": {"type": "object", "x-mcp-header": "Nowhere"}}
        )
        async with bench(http_entry(server.url)) as box:
            assert "params2" in box.tool_names()
            assert "broken" not in box.tool_names(), "the protocol wants it left out"
            await box.call("params2", region="Zürich")
            assert last_headers(server)["Mcp-Param-Region"].startswith("=?base64?")


async def test_a_tool_that_wants_new_headers_is_listed_again_and_called_once():
    async with served("modern") as server, bench(http_entry(server.url)) as box:
        echo = server.toolbox.tools[0]
        annotated = {"type": "object", "properties": {"text": {"type": "string", "x-mcp-header": "Text"}}}
        server.toolbox.tools[0] = {**echo, "inputSchema": annotated}
        assert await box.text("echo", text="hi") == "hi"
        assert last_headers(server)["Mcp-Param-Text"] == "hi"
        assert server.toolbox.calls == 1


async def test_a_certificate_is_checked_and_an_authority_can_be_added(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = HttpServer(Toolbox(era="modern"))
    async with running(make_app(server), context) as plain_url:
        url = plain_url.replace("http:", "https:")
        box = Bench()
        with pytest.raises(DownstreamUnavailableError, match="its certificate is not trusted: self"):
            await box.pool.probe(http_entry(url))
        assert await box.pool.probe(http_entry(url, ca_file=str(certificate)))
        with pytest.raises(DownstreamUnavailableError, match=r"ca_file '/no/such\.pem' cannot be used"):
            await box.pool.probe(http_entry(url, ca_file="/no/such.pem"))
        with pytest.raises(DownstreamUnavailableError, match="cannot be used"):
            await box.pool.probe(http_entry(url, ca_file=__file__))


async def test_an_authority_without_a_key_usage_can_be_added(tmp_path: Path):
    context, ca_file = make_server_identity(tmp_path, lax=True)
    async with running(make_app(HttpServer(Toolbox(era="modern"))), context) as plain_url:
        assert await Bench().pool.probe(
            http_entry(plain_url.replace("http:", "https:"), ca_file=str(ca_file))
        )


@asynccontextmanager
async def running(app: web.Application, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an application on loopback."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    finally:
        await runner.cleanup()


async def test_a_call_that_ends_with_the_connection_of_its_user_is_cancelled_downstream():
    """A legacy downstream learns of it by a notification alone, which is sent before the session is deleted."""
    async with served() as server:
        mcp = http_entry(server.url, sessions=Sessions.PER_USER)
        async with bench(mcp) as box, asyncio.timeout(PATIENCE):
            call = asyncio.create_task(box.call("slow", seconds=600))
            await server.started_slow.wait()
            call.cancel()
            box.pool.retain_users(lambda _: False)
            with pytest.raises(asyncio.CancelledError):
                await call
        assert server.was_cancelled.is_set()
        assert server.ended_sessions == len({"of the pool", "of the user"})
