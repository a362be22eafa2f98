"""The transport `sse` on real sockets: its endpoint, its sessions, failures, secrets and limits."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ambassador_server.domain.catalog.mcps import Mcp, Sessions
from ambassador_server.downstream.http import message_stream
from ambassador_server.downstream.http.message_stream import endpoint_target
from ambassador_server.downstream.transports import sse
from ambassador_server.errors import DownstreamUnavailableError
from tests.fakes.mcp_servers.sse_server import SseServer, serve_sse
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.certificates import make_certificate
from tests.server.downstream.support import PATIENCE, Bench, bench, entry, result

_URL = URL("http://box.example:8080/deep/sse?key=k")


def sse_entry(url: str, **options: Any) -> Mcp:
    return replace(entry("sse", {"url": url, **options}), sessions=Sessions.SHARED)


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[SseServer]:
    async with serve_sse(SseServer(Toolbox(), **options)) as server:
        yield server


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that the server does not report."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_conversation_follows_the_protocol():
    async with served() as server:
        async with bench(sse_entry(server.url)) as box:
            await box.call("echo")
            assert server.opened == len(server.sessions) == 1
        await until(lambda: not server.sessions)
    assert server.methods == ["initialize", "notifications/initialized", "tools/list", "tools/call"]
    opening, first, *_, last = server.headers
    assert opening["Accept"] == "text/event-stream"
    assert first["Content-Type"] == "application/json"
    assert "MCP-Protocol-Version" not in first
    assert last["MCP-Protocol-Version"] == "2025-11-25"
    assert not {"Cookie", "Mcp-Session-Id", "Mcp-Method"} & set(last)


@pytest.mark.parametrize(
    ("named", "target"),
    [
        (b"/messages?session_id=1", "/messages?session_id=1"),
        (b"messages/?s=a%2Bb+c", "/deep/messages/?s=a%2Bb+c"),
        (b"?s=1", "/deep/sse?s=1"),
        (b"../up", "/up"),
        (b"http://box.example:8080/m#part", "/m"),
        (b"HTTP://BOX.example:8080/m", "/m"),
        (b"//box.example:8080/m", "/m"),
        ("/größe".encode(), "/gr%C3%B6%C3%9Fe"),
    ],
)
def test_an_endpoint_within_the_origin_is_taken(named: bytes, target: str):
    assert endpoint_target(_URL, named) == target


@pytest.mark.parametrize(
    "named",
    [
        b"https://box.example:8080/m",
        b"http://box.example/m",
        b"http://box.example:8081/m",
        b"http://evil.example:8080/m",
        b"//evil.example/m",
        b"http://box.example:8080@evil.example/m",
        b"http://user:secret@box.example:8080/m",
        b"file:///etc/passwd",
        b"javascript:alert(1)",
        b"http://box.example:99999/m",
        b"http://[::1/m",
        b"",
        b"/a\nb",
        b"/a\x00b",
        b"/" + b"a" * 9000,
    ],
)
def test_an_endpoint_elsewhere_is_refused(named: bytes):
    with pytest.raises(DownstreamUnavailableError, match=r"at another origin|not a URL"):
        endpoint_target(_URL, named)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
def test_an_endpoint_of_any_bytes_is_refused_or_fits_in_a_request_line(named: bytes):
    try:
        target = endpoint_target(_URL, named)
    except DownstreamUnavailableError:
        return
    assert target.startswith("/")
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target


async def test_nothing_is_posted_to_another_origin():
    async with served() as elsewhere:
        place = elsewhere.url.replace("/sse", "/messages?session_id={}")
        async with served(endpoint=place) as server:
            with pytest.raises(DownstreamUnavailableError, match="at another origin"):
                await Bench().pool.probe(sse_entry(server.url, headers={"X-Api-Key": "hunter2"}))
        assert server.methods == elsewhere.methods == []
        assert elsewhere.headers == []


async def test_the_end_of_the_stream_fails_its_calls_and_the_next_call_opens_a_new_one():
    async with served() as server, bench(sse_entry(server.url)) as box:
        slow = asyncio.ensure_future(box.call("slow", seconds=600))
        await until(lambda: server.toolbox.calls == 1)
        server.close_streams()
        with pytest.raises(DownstreamUnavailableError, match="closed its event stream"):
            await slow
        calls = server.toolbox.calls
        assert await box.text("echo", text="again") == "again"
        assert server.toolbox.calls == calls + 1, "the call that may have run is not repeated"
        assert server.opened == 2


async def test_a_lost_session_is_opened_once_for_all_calls():
    async with served() as server, bench(sse_entry(server.url)) as box:
        # The stream stays open, but the server knows its session no more.
        server.sessions.clear()
        texts = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(20)))
        assert texts == [str(number) for number in range(20)]
        assert server.opened == 2
        assert server.toolbox.calls == 20


async def test_a_loss_that_is_told_after_the_next_session_has_begun_is_a_loss():
    async with served() as server, bench(sse_entry(server.url)) as box:
        server.sessions.clear()
        server.late = asyncio.Event()
        texts = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(5)))
        assert texts == [str(number) for number in range(5)]
        assert (server.opened, server.toolbox.calls, server.refused) == (2, 5, 5)


async def test_changes_are_announced_again_after_the_stream_has_ended():
    async with served() as server, bench(sse_entry(server.url)) as box:
        server.close_streams()
        await until(lambda: server.methods.count("notifications/initialized") == 2)
        await box.call("grow")
        await box.listener.until(lambda change: any(t.name.startswith("extra_") for t in change.tools))


async def test_a_server_that_forgets_every_session_is_given_up():
    async with served() as server, bench(sse_entry(server.url)) as box:
        server.refusal = (400, "No transport found for sessionId")
        with pytest.raises(DownstreamUnavailableError):
            await box.call("echo")
        assert server.toolbox.calls == 0
        server.refusal = None
        assert await box.text("echo", text="well again") == "well again"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "answered with HTTP 400"),
        (401, r"refused the credentials \(HTTP 401\)"),
        (302, "HTTP 302; redirects are not followed"),
        (500, "answered with HTTP 500"),
        (503, "answered with HTTP 503"),
    ],
)
async def test_a_refused_message_names_the_status_and_not_the_body(status: int, text: str):
    async with (
        served() as server,
        bench(sse_entry(server.url, headers={"Authorization": "Bearer hunter2"})) as box,
    ):
        server.refusal = (status, "Authorization: Bearer leaked")
        with pytest.raises(DownstreamUnavailableError, match=text) as failure:
            await box.call("echo")
    assert "hunter2" not in repr(failure.value)
    assert "leaked" not in repr(failure.value)
    assert server.toolbox.calls == 0


async def test_an_answer_on_the_stream_counts_more_than_the_status_of_the_post():
    async with served() as server, bench(sse_entry(server.url)) as box:
        server.status = 500
        assert await box.text("echo", text="it ran") == "it ran"


async def test_questions_are_refused_and_a_ping_is_answered():
    async with served() as server, bench(sse_entry(server.url)) as box:
        answers = result(await box.call("ask"))["structuredContent"]
    assert answers["ping"]["result"] == {}
    assert all(
        answers[name]["error"]["code"] == -32601
        for name in ("roots/list", "sampling/createMessage", "elicitation/create")
    )


async def test_a_thousand_questions_keep_no_call_waiting():
    async with served() as server, bench(sse_entry(server.url)) as box:
        (session,) = server.sessions.values()
        for number in range(1000):
            await session.send({"id": f"q{number}", "method": "roots/list"})
        assert await box.text("echo", text="still here") == "still here"


async def test_an_answer_beyond_the_limit_ends_the_session_and_the_next_call_works(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(message_stream, "LARGEST_MESSAGE", 100_000)
    async with served() as server, bench(sse_entry(server.url)) as box:
        with pytest.raises(DownstreamUnavailableError, match="answered with more than 100000 bytes"):
            await box.call("big", megabytes=1)
        assert await box.text("echo", text="next") == "next"


async def test_an_answer_that_cannot_be_read_fails_its_call_at_once():
    async with served() as server, bench(sse_entry(server.url)) as box:
        call = asyncio.ensure_future(box.call("slow", seconds=600))
        (session,) = server.sessions.values()
        await until(lambda: len(session.calls) == 1)
        (number,) = session.calls
        await session.write(b'data: {"jsonrpc":"2.0","id":%d,"result":{"broken' % number)
        with pytest.raises(DownstreamUnavailableError, match="cannot be read"):
            await call


async def test_references_in_headers_are_resolved_and_read_again_when_they_change(tmp_path: Path):
    secret = tmp_path / "token"
    secret.write_text("Bearer one")
    async with served() as server:
        server.token = "Bearer one"
        async with bench(sse_entry(server.url, headers={"Authorization": f"file://{secret}"})) as box:
            secret.write_text("Bearer two")
            server.token = "Bearer two"
            assert await box.text("echo", text="posted again") == "posted again"
            secret.write_text("Bearer three")
            server.token = "Bearer three"
            server.close_streams()
            assert await box.text("echo", text="opened again") == "opened again"


async def test_no_request_is_sent_when_a_secret_is_missing():
    async with served() as server:
        mcp = sse_entry(server.url, headers={"Authorization": "env://NOT_SET_ANYWHERE"})
        with pytest.raises(DownstreamUnavailableError, match="env://NOT_SET_ANYWHERE is not set"):
            await Bench().pool.probe(mcp)
        assert server.headers == []


async def test_a_certificate_is_checked_and_an_authority_can_be_added(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serve_sse(SseServer(Toolbox()), context=context) as server:
        with pytest.raises(DownstreamUnavailableError, match="its certificate is not trusted: self"):
            await Bench().pool.probe(sse_entry(server.url))
        assert await Bench().pool.probe(sse_entry(server.url, ca_file=str(certificate)))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (web.Response(text="{}", content_type="application/json"), "is its transport streamable_http"),
        (web.Response(status=404), "HTTP 404; is the URL right"),
        (web.Response(status=405), "HTTP 405; is the URL right"),
        (web.Response(status=401), "refused the credentials"),
        (web.Response(status=307, headers={"Location": "/other"}), "redirects are not followed"),
        (web.Response(text="data: {}\n\n", content_type="text/event-stream"), "closed its event stream"),
        (web.Response(text="\x00" * 70_000_000, content_type="text/event-stream"), "more than 67108864"),
    ],
    ids=["json", "404", "405", "401", "redirect", "ends", "endless"],
)
async def test_what_is_no_such_stream_is_named(answer: web.Response, text: str):
    async def get(_: web.Request) -> web.Response:
        return answer

    async with running(get) as url:
        with pytest.raises(DownstreamUnavailableError, match=text):
            await Bench().pool.probe(sse_entry(url))


async def test_a_stream_that_never_names_an_endpoint_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse, "ENDPOINT_SECONDS", 0.2)

    async def get(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        while True:
            await stream.write(b": wait\n\ndata: " + json.dumps({"jsonrpc": "2.0"}).encode() + b"\n\n")
            await asyncio.sleep(0.01)

    async with running(get) as url:
        with pytest.raises(DownstreamUnavailableError, match=r"did not name an endpoint .* within 0\.2 s"):
            await Bench().pool.probe(sse_entry(url))


@asynccontextmanager
async def running(get: Any) -> AsyncIterator[str]:
    """Serve one handler for GET on loopback."""
    app = web.Application()
    app.router.add_get("/sse", get)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/sse"
    finally:
        await runner.cleanup()
