"""Streams that break are resumed after the last event, with the pause that the downstream asks for."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ambassador_protocol.backoff import Backoff
from ambassador_server.downstream.http import resumable_stream
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Notice, Question, Reply
from tests.fakes.mcp_servers.http_server import SESSION, HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.support import PATIENCE, QUICK, Bench, bench, http_entry, result, tool_call

Step = Callable[["Breaking", web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable_stream, "_BACKOFF", Backoff(0.001, 0.01))
    monkeypatch.setattr(resumable_stream, "_SHORTEST_PAUSE", 0.001)


class Breaking(HttpServer):
    """Answers a call by the first step and each GET with `Last-Event-ID` by the next one; the last step stays."""

    def __init__(self, *steps: Step, era: str = "legacy") -> None:
        super().__init__(Toolbox(era=era))
        self.keeps_requests = True
        self.steps = list(steps)
        self.number: Any = None
        self.resumed: list[dict[str, str]] = []
        self.times: list[float] = []

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Continue a stream."""
        if "Last-Event-ID" not in request.headers:
            return await super().get(request)
        self.resumed.append(dict(request.headers))
        return await self._next(request)

    async def _call(
        self, request: web.Request, number: Any, params: dict[str, Any], modern: bool
    ) -> web.StreamResponse:
        if not self.steps:
            return await super()._call(request, number, params, modern)
        self.toolbox.note(params)
        self.number = number
        return await self._next(request)

    async def _next(self, request: web.Request) -> web.StreamResponse:
        self.times.append(asyncio.get_running_loop().time())
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return await step(self, request)


async def begin(request: web.Request, text: str = "") -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    await stream.write(text.encode())
    return stream


def event(message: dict[str, Any], event_id: str = "") -> str:
    body = json.dumps({"jsonrpc": "2.0", **message})
    return (f"id: {event_id}\n" if event_id else "") + f"data: {body}\n\n"


def closes(text: str) -> Step:
    """Send this text and end the stream as it should end."""

    async def step(server: Breaking, request: web.Request) -> web.StreamResponse:
        stream = await begin(request, text)
        await stream.write_eof()
        return stream

    return step


def breaks(text: str) -> Step:
    """Send this text and cut the connection."""

    async def step(server: Breaking, request: web.Request) -> web.StreamResponse:
        stream = await begin(request, text)
        assert request.transport is not None
        request.transport.close()
        return stream

    return step


def refuses(status: int, text: str = "") -> Step:
    async def step(server: Breaking, request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text)

    return step


async def hangs_up(server: Breaking, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def answers(server: Breaking, request: web.Request) -> web.StreamResponse:
    content = [{"type": "text", "text": "the answer"}]
    return await closes(event({"id": server.number, "result": {"content": content}}, "last"))(server, request)


@asynccontextmanager
async def breaking(*steps: Step, era: str = "legacy") -> AsyncIterator[tuple[Breaking, Bench]]:
    server = Breaking(*steps, era=era)
    async with serve(server), bench(http_entry(server.url)) as box:
        yield server, box


FIRST = "id: 1\ndata: \n\n"


@pytest.mark.parametrize(
    "steps",
    [
        (closes(FIRST), answers),
        (breaks(FIRST), answers),
        (breaks(FIRST + 'data: {"jsonrpc":"2.0","id'), answers),
        (closes("id: 1\n\n"), answers),
        (closes(FIRST), *[closes("")] * 7, answers),
        (breaks(FIRST), breaks("id: 2\n\n"), breaks(""), breaks("id: 3\n\n"), *[breaks("")] * 3, answers),
        (closes(FIRST), refuses(503), refuses(409), refuses(429), hangs_up, answers),
        (closes(FIRST), refuses(408), refuses(425), answers),
    ],
    ids=[
        "closed",
        "broken",
        "within an event",
        "no data",
        "closed often",
        "broken often",
        "refused at first",
        "refused for a time",
    ],
)
async def test_an_answer_is_read_from_the_connection_that_has_it(steps: tuple[Step, ...]):
    async with breaking(*steps) as (server, box):
        assert await box.text("echo") == "the answer"
        assert server.toolbox.calls == 1
        assert len(server.resumed) == len(steps) - 1
        assert server.resumed[0]["Last-Event-ID"] == "1"
        assert server.resumed[0][SESSION] in server.sessions
        assert server.resumed[0]["Accept"] == "text/event-stream"
        assert server.resumed[0]["MCP-Protocol-Version"] == "2025-11-25"


async def test_the_stream_continues_after_its_newest_event():
    async with breaking(closes("id: a\n\nid: b\ndata: \n\n"), breaks("id: c\n\nid: d\n"), answers) as (
        server,
        box,
    ):
        assert await box.text("echo") == "the answer"
        assert [headers["Last-Event-ID"] for headers in server.resumed] == ["b", "c"]


async def test_the_pause_is_at_least_what_the_downstream_asked_for():
    async with breaking(closes("retry: 300\n" + FIRST), closes("retry: 5\n\n"), answers) as (server, box):
        assert await box.text("echo") == "the answer"
        posted, first, second = server.times
        assert first - posted >= 0.29
        assert second - first < first - posted


@pytest.mark.parametrize(
    "step", [closes(""), closes("data: \n\n"), breaks("")], ids=["closed", "no id", "broken"]
)
async def test_a_stream_without_ids_is_lost_and_the_call_not_repeated(step: Step):
    async with breaking(step, answers) as (server, box):
        with pytest.raises(DownstreamUnavailableError, match="its answer"):
            await box.call("echo")
        assert server.resumed == []
        assert server.toolbox.calls == 1


async def test_a_modern_stream_is_never_resumed():
    async with breaking(closes(FIRST), answers, era="modern") as (server, box):
        with pytest.raises(DownstreamUnavailableError, match="ended its answer before the result"):
            await box.call("echo")
        assert server.resumed == []
        assert server.toolbox.calls == 1


@pytest.mark.parametrize("step", [hangs_up, refuses(503), breaks("")], ids=["hangs up", "refused", "broken"])
async def test_attempts_that_fail_are_bounded(step: Step):
    async with breaking(breaks(FIRST), step) as (server, box):
        with pytest.raises(DownstreamUnavailableError, match="in the middle of its answer"):
            await box.call("echo")
        assert len(server.resumed) == resumable_stream.MOST_FAILURES
        assert server.toolbox.calls == 1


@pytest.mark.parametrize("status", [400, 404, 405, 406, 501])
async def test_a_downstream_that_resumes_nothing_is_asked_once(status: int):
    async with breaking(closes(FIRST), refuses(status)) as (server, box):
        with pytest.raises(DownstreamUnavailableError, match="does not continue it"):
            await box.call("echo")
        assert len(server.resumed) == 1
        assert server.toolbox.calls == 1
        assert [method for method, _ in server.requests].count("initialize") == 1


async def test_a_session_that_is_lost_meanwhile_is_opened_again_but_the_call_is_not_repeated():
    async def restarts(server: Breaking, request: web.Request) -> web.StreamResponse:
        server.sessions.clear()
        return web.Response(status=404)

    async with breaking(closes(FIRST), restarts) as (server, box):
        before = set(server.sessions)
        with pytest.raises(DownstreamUnavailableError, match="may have run"):
            await box.call("echo")
        assert server.toolbox.calls == 1
        assert server.sessions - before
        server.steps.clear()
        assert await box.text("echo", text="next") == "next"


async def test_notices_and_questions_arrive_on_every_connection():
    progress = {"method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
    question = {"id": "q1", "method": "elicitation/create", "params": {"message": "Sure?"}}

    async def asks(server: Breaking, request: web.Request) -> web.StreamResponse:
        server.answers["q1"] = asyncio.get_running_loop().create_future()
        stream = await begin(request, event(progress, "2") + event(question, "3"))
        await asyncio.wait_for(asyncio.shield(server.answers["q1"]), PATIENCE)
        await stream.write_eof()
        return stream

    told: list[Notice] = []

    async def ask(asked: Question) -> Reply:
        return Reply(result=b'{"action":"accept"}', error=None)

    async with breaking(closes(event(progress, "1")), asks, answers) as (server, box):
        request = tool_call(b'{"name":"echo"}', told.append, ask)
        reply = await box.pool.call("m1", request, user_id="u1", timeout=PATIENCE)
        assert result(reply)["content"][0]["text"] == "the answer"
        assert len(told) == 2
        assert server.answers == {}


async def test_a_call_that_is_cancelled_during_the_pause_is_cancelled_downstream():
    async with breaking(closes("retry: 600000\n" + FIRST), answers) as (server, box):
        call = asyncio.ensure_future(box.call("echo"))
        async with asyncio.timeout(PATIENCE):
            while not server.times:  # noqa: ASYNC110 - the server has nothing to wait for
                await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.was_cancelled.wait(), PATIENCE)
        assert server.resumed == []


async def test_the_handshake_and_the_list_of_tools_are_resumed_as_well():
    class Handshake(Breaking):
        async def _send(
            self,
            request: web.Request,
            number: Any,
            reply: dict[str, Any],
            headers: dict[str, str] | None = None,
        ) -> web.StreamResponse:
            self.kept = event({"id": number, **reply})
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", **(headers or {})})
            await stream.prepare(request)
            await stream.write(FIRST.encode())
            await stream.write_eof()
            return stream

        async def get(self, request: web.Request) -> web.StreamResponse:
            if "Last-Event-ID" not in request.headers:
                return await super().get(request)
            if request.headers.get(SESSION) not in self.sessions:
                return web.Response(status=404)
            return await closes(self.kept)(self, request)

    server = Handshake()
    async with serve(server), bench(http_entry(server.url)) as box:
        assert await box.text("echo", text="hello") == "hello"


async def test_the_stream_for_changes_is_resumed_after_its_last_event():
    class Listened(Breaking):
        async def get(self, request: web.Request) -> web.StreamResponse:
            if "Last-Event-ID" not in request.headers:
                await self.go.wait()
                return await closes("retry: 1\nid: 7\n\n")(self, request)
            self.resumed.append(dict(request.headers))
            if len(self.resumed) == 1:
                return await breaks("")(self, request)
            self.toolbox.grow()
            stream = await begin(request, event({"method": "notifications/tools/list_changed"}, "8"))
            await asyncio.Event().wait()
            return stream

        go = asyncio.Event()

    server = Listened()
    # Without the resumption nothing would be noticed for ten minutes.
    limits = replace(QUICK, listen_pause=600.0, refresh=600.0)
    async with serve(server), bench(http_entry(server.url), limits=limits) as box:
        server.go.set()
        await box.listener.until(lambda change: any(t.name.startswith("extra_") for t in change.tools))
        assert [headers["Last-Event-ID"] for headers in server.resumed] == ["7", "7"]
