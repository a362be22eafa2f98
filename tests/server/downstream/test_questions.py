"""Questions and log messages reach the call they belong to, and nobody else's; over stdio, HTTP and both eras."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.catalog.mcps import Mcp, Sessions
from ambassador_server.downstream.features import url_elicitation
from ambassador_server.downstream.features.questions import MAX_OPEN, MOST_ASKED
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.errors import DownstreamUnavailableError, OverloadedError
from ambassador_server.ports.exchange import NeutralRequest, Notice, Question, Reply
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.asking_server import AskingHttpServer, serve_asking
from tests.server.downstream.support import PATIENCE, Bench, bench, children, entry, http_entry, result

ASKABLE = b'{"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true}}'


class Host:
    """A host that answers each question with its user's name and the question, at once or when `gate` opens."""

    def __init__(self, user: str = "alice", capabilities: bytes = ASKABLE) -> None:
        self.user = user
        self.capabilities = capabilities
        self.asked: list[Question] = []
        self.told: list[Notice] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.was_asked = asyncio.Event()
        self.was_withdrawn = asyncio.Event()

    async def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        self.was_asked.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.was_withdrawn.set()
            raise
        answer = {"action": "accept", "content": {"user": self.user}}
        return Reply(result=json.dumps(answer).encode(), error=None)

    async def call(self, box: Bench, name: str, *, log_level: str | None = None, **arguments: Any) -> Any:
        request = NeutralRequest(
            method="tools/call",
            params=json.dumps({"name": name, "arguments": arguments}).encode(),
            capabilities=self.capabilities,
            ask=self.ask,
            tell=self.told.append,
            log_level=log_level,
        )
        return await box.pool.call("m1", request, user_id=self.user, timeout=PATIENCE)

    async def found(self, box: Bench, name: str, **more: Any) -> Any:
        return result(await self.call(box, name, **more))["structuredContent"]["found"]

    def levels(self) -> list[str]:
        return [json.loads(notice.params)["level"] for notice in self.told]


def accepted(user: str) -> dict[str, Any]:
    return {"action": "accept", "content": {"user": user}}


def stdio(era: str = "legacy") -> Mcp:
    return entry(options=stdio_options("--era", era, server="asking_server"))


@asynccontextmanager
async def http(
    era: str = "legacy", sessions: Sessions = Sessions.AUTO, **options: Any
) -> AsyncIterator[tuple[AskingHttpServer, Bench]]:
    async with (
        serve_asking(AskingHttpServer(era, **options)) as server,
        bench(http_entry(server.url, sessions=sessions)) as box,
    ):
        yield server, box


async def holding(host: Host, box: Bench, **arguments: Any) -> "asyncio.Future[Any]":
    """Begin a call whose question the host does not answer yet."""
    host.gate.clear()
    host.was_asked.clear()
    call = asyncio.ensure_future(host.found(box, "ask", **arguments))
    async with asyncio.timeout(PATIENCE):
        await host.was_asked.wait()
    return call


async def test_a_question_over_a_pipe_reaches_the_only_user_of_the_session():
    alice = Host()
    async with bench(stdio()) as box:
        assert await alice.found(box, "ask") == [accepted("alice")]
        assert await alice.found(box, "ask", method="roots/list", count=3) == 3 * [accepted("alice")]
        assert len(children()) == 1
    assert [question.method for question in alice.asked] == ["elicitation/create"] + 3 * ["roots/list"]


async def test_a_question_over_a_pipe_that_several_users_share_is_refused_and_then_asked_over_their_own():
    alice, bob = Host("alice"), Host("bob")
    async with bench(stdio()) as box:
        await bob.call(box, "declared")
        (refused,) = await alice.found(box, "ask")
        assert "cannot be asked" in refused["message"]
        assert (alice.asked, bob.asked) == ([], [])
        answers = await asyncio.gather(*(host.found(box, "ask") for host in (alice, bob, alice, bob)))
        assert answers == [[accepted(host)] for host in ("alice", "bob", "alice", "bob")]
        assert len({(await host.found(box, "declared"))["pid"] for host in (alice, bob)}) == 2


async def test_two_calls_of_one_user_that_could_both_be_meant_get_connections_of_their_own():
    alice = Host()
    async with bench(stdio()) as box:
        first = await holding(alice, box)
        (refused,) = await alice.found(box, "ask")
        assert "cannot be asked" in refused["message"]
        third = await holding(alice, box)
        fourth = await holding(alice, box)
        assert len(children()) == 3
        alice.gate.set()
        assert [await each for each in (first, third, fourth)] == 3 * [[accepted("alice")]]
        assert await alice.found(box, "ask") == [accepted("alice")]
        assert len(children()) == 3, "a connection that is free again is used again"


async def test_calls_that_ask_are_bounded_by_the_connections_of_a_user():
    alice, bob = Host("alice"), Host("bob")
    async with bench(stdio(), user_limits=UserLimits(per_user=1)) as box:
        await bob.call(box, "declared")
        await alice.found(box, "ask")
        held = await holding(alice, box)
        with pytest.raises(OverloadedError, match="of this user is busy"):
            await alice.call(box, "ask")
        assert await bob.found(box, "ask") == [accepted("bob")]
        alice.gate.set()
        assert await held == [accepted("alice")]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["stream of the call", "stream of the session"])
async def test_over_http_each_user_has_a_session_with_the_capabilities_of_its_host(elsewhere: bool):
    alice, bob = Host("alice"), Host("bob", b'{"sampling":{}}')
    async with http() as (server, box):
        assert await alice.found(box, "ask", elsewhere=elsewhere) == [accepted("alice")]
        assert await bob.found(box, "ask", elsewhere=elsewhere) == [accepted("bob")]
        listing, of_alice, of_bob = (session.capabilities for session in server.opened)
        assert listing == {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
        assert of_alice == {"elicitation": {"form": {}, "url": {}}, "roots": {}}
        assert of_bob == {"sampling": {}}
        assert server.streams == 3


async def test_a_host_that_cannot_be_asked_needs_no_stream_of_its_session():
    async with http() as (server, box):
        await Host("carol", b"{}").call(box, "declared")
        assert len(server.opened) == 2
        assert server.streams == 1


@pytest.mark.parametrize(
    ("sessions", "options"), [(Sessions.SHARED, {}), (Sessions.AUTO, {"without_sessions": True})]
)
async def test_a_shared_session_over_http_still_knows_the_call_by_its_stream(
    sessions: Sessions, options: dict[str, Any]
):
    alice, bob = Host("alice"), Host("bob")
    async with http(sessions=sessions, **options) as (server, box):
        answers = await asyncio.gather(*(host.found(box, "ask") for host in 5 * (alice, bob)))
        assert answers == 5 * [[accepted("alice")], [accepted("bob")]]
        assert len(server.opened) == 1
        (refused,) = await alice.found(box, "ask", elsewhere=True)
        assert "cannot be asked" in refused["message"]
    assert len(alice.asked) == 5


async def test_per_user_gives_each_user_a_process_from_the_start():
    alice, bob = Host("alice"), Host("bob")
    async with bench(replace(stdio(), sessions=Sessions.PER_USER)) as box:
        assert await alice.found(box, "ask") == [accepted("alice")]
        assert await bob.found(box, "ask") == [accepted("bob")]
        assert len(children()) == 3


async def test_many_held_calls_of_many_users_mix_up_nothing():
    hosts = [Host(f"user-{number}") for number in range(20)]
    async with http() as (_, box):
        calls = [host.found(box, "ask", elsewhere=False, count=2) for host in hosts for _ in range(5)]
        answers = await asyncio.gather(*calls)
    assert answers == [2 * [accepted(host.user)] for host in hosts for _ in range(5)]


@pytest.mark.parametrize("over", ["stdio", "http"])
async def test_a_thousand_questions_of_one_call_end_in_refusals(over: str):
    alice = Host()
    alice.gate.clear()
    async with http() as (_, box_http), bench(stdio()) as box_stdio:
        box = box_http if over == "http" else box_stdio
        assert len(await alice.found(box, "ask", count=1000, goes_on=True)) == 1000
        assert len(alice.asked) <= MAX_OPEN
        alice.gate.set()
        for _ in range(12):
            await alice.found(box, "ask", count=10)
        assert await alice.found(box, "ask") == [accepted("alice")], "the next call may ask again"


async def test_the_questions_of_one_call_are_counted():
    alice = Host()
    async with bench(stdio()) as box:
        answers: list[Any] = []
        call = alice.found(box, "ask", count=MAX_OPEN, rounds=MOST_ASKED // MAX_OPEN + 2)
        answers = await call
    assert sum("message" in each for each in answers) == len(answers) - MOST_ASKED
    assert len(alice.asked) == MOST_ASKED


async def test_a_question_in_the_middle_of_which_the_call_ends_is_withdrawn():
    alice = Host()
    async with bench(stdio()) as box:
        call = await holding(alice, box)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        alice.gate.set()
        assert await alice.found(box, "ask") == [accepted("alice")]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["stream of the call", "stream of the session"])
async def test_a_question_that_the_downstream_withdraws_is_withdrawn_from_the_host(elsewhere: bool):
    alice = Host()
    async with http() as (server, box):
        held = await holding(alice, box, elsewhere=elsewhere)
        await server.asking.withdraw(server.opened[-1])
        async with asyncio.timeout(PATIENCE):
            await alice.was_withdrawn.wait()
        assert await held == ["withdrawn"]
        alice.gate.set()
        server.opened[-1].sends.clear()
        assert await alice.found(box, "ask", elsewhere=elsewhere) == [accepted("alice")]


async def test_the_task_of_a_sampling_request_is_not_passed_on():
    alice = Host(capabilities=b'{"sampling":{}}')
    async with bench(stdio()) as box:
        params = {"task": {"ttl": 1}, "messages": [], "x-kept": 1}
        await alice.found(box, "ask", method="sampling/createMessage", params=params)
    assert json.loads(alice.asked[0].params) == {"message": "sure?", "messages": [], "x-kept": 1}


@pytest.mark.parametrize("over", ["stdio", "http"])
async def test_log_messages_reach_the_call_that_wants_them(over: str):
    alice = Host()
    async with http() as (_, box_http), bench(stdio()) as box_stdio:
        box = box_http if over == "http" else box_stdio
        levels = ["debug", "info", "warning", "loud", "error"]
        await alice.call(box, "log", levels=levels)
        assert alice.told == []
        await alice.call(box, "log", log_level="info", levels=levels)
        assert alice.levels() == ["info", "warning", "error"]
        await alice.call(box, "log", log_level="error", levels=levels)
        assert alice.levels() == ["info", "warning", "error", "error"]
        assert (await alice.found(box, "declared"))["levels"] == ["info", "error"]


async def test_the_level_of_a_session_is_the_most_verbose_that_a_running_call_asks_for():
    alice = Host()
    async with bench(stdio()) as box:
        alice.gate.clear()
        held = asyncio.ensure_future(alice.call(box, "ask", log_level="debug"))
        await alice.was_asked.wait()
        await alice.call(box, "log", log_level="error", levels=["info", "error"])
        assert (await alice.found(box, "declared"))["levels"] == ["debug"]
        assert alice.told == [], "over a pipe either call may be meant"
        alice.gate.set()
        await held


async def test_log_messages_of_a_session_that_users_share_go_nowhere():
    alice, bob = Host("alice"), Host("bob")
    async with bench(stdio()) as box:
        await bob.call(box, "declared")
        await alice.call(box, "log", log_level="debug", levels=["error"])
    assert (alice.told, bob.told) == ([], [])


async def test_a_modern_downstream_is_told_the_level_of_each_request():
    alice = Host()
    async with http("modern") as (_, box):
        with_level = await alice.found(box, "params", log_level="info")
        assert with_level["_meta"]["io.modelcontextprotocol/logLevel"] == "info"
        without = await alice.found(box, "params")
        assert "io.modelcontextprotocol/logLevel" not in without["_meta"]
        await alice.call(box, "log", log_level="warning", levels=["info", "error"])
    assert alice.levels() == ["error"]


async def test_a_flood_of_log_messages_costs_only_messages():
    alice = Host()
    async with bench(stdio()) as box:
        await alice.call(box, "log", log_level="debug", levels=["info"] * 20_000)
        assert 0 < len(alice.told) <= 10_000
        before = len(alice.told)
        await alice.call(box, "log", log_level="debug", levels=["info"], data="x" * 100_000)
        assert len(alice.told) == before


async def test_urls_that_a_call_needs_are_opened_before_it_is_repeated(monkeypatch: pytest.MonkeyPatch):
    alice = Host()
    async with http() as (server, box):
        call = asyncio.ensure_future(alice.call(box, "open_urls"))
        async with asyncio.timeout(PATIENCE):
            await alice.was_asked.wait()
        await server.asking.finish()
        assert result(await call)["content"][0]["text"] == "opened 1"
        (question,) = alice.asked
        assert json.loads(question.params)["elicitationId"] == "e1"
        monkeypatch.setattr(url_elicitation, "_COMPLETE_SECONDS", 0.0)
        server.opened[-1].urls = 0
        endless = await alice.call(box, "open_urls", times=100)
        assert json.loads(endless.error or b"")["code"] == -32042
        assert len(alice.asked) == 1 + url_elicitation.MAX_ROUNDS


async def test_a_host_that_opens_no_urls_reads_the_error_itself():
    alice = Host(capabilities=b'{"elicitation":{}}')
    async with http() as (_, box):
        reply = await alice.call(box, "open_urls")
    assert json.loads(reply.error or b"")["data"]["elicitations"][0]["elicitationId"] == "e1"
    assert alice.asked == []


HOSTILE: list[tuple[str, Any]] = [
    ("answers to nothing", {"id": 99999, "result": {}}),
    ("an answer without an id", {"id": None, "result": {}}),
    ("a question without params", {"id": "h", "method": "elicitation/create"}),
    ("a question with params that are no object", {"id": "h", "method": "roots/list", "params": [1]}),
    ("a question with an id that is null", {"id": None, "method": "roots/list"}),
    ("a question with an id that is an object", {"id": {"x": 1}, "method": "roots/list"}),
    ("a request that is no question", {"id": "h", "method": "tools/call", "params": {"name": "x"}}),
    ("a log without a level", {"method": "notifications/message", "params": {"data": 1}}),
    ("a log that is no object", {"method": "notifications/message", "params": 7}),
    ("an update without a URI", {"method": "notifications/resources/updated", "params": {}}),
    ("an elicitation that nothing awaits", {"method": "notifications/elicitation/complete", "params": {}}),
    ("an unknown notification", {"method": "notifications/" + "x" * 10_000, "params": {}}),
]


@pytest.mark.parametrize("message", [message for _, message in HOSTILE], ids=[name for name, _ in HOSTILE])
@pytest.mark.parametrize("over", ["stdio", "http"])
async def test_hostile_messages_beside_a_call_disturb_neither_it_nor_the_next(over: str, message: Any):
    alice = Host()
    async with http() as (_, box_http), bench(stdio()) as box_stdio:
        box = box_http if over == "http" else box_stdio
        await alice.call(box, "send", log_level="debug", messages=50 * [message])
        assert alice.told == []
        assert await alice.found(box, "ask") == [accepted("alice")]


@pytest.mark.parametrize("over", ["stdio", "http"])
async def test_a_downstream_that_goes_away_in_the_middle_of_a_question_fails_the_call_alone(over: str):
    alice = Host()
    async with http() as (server, box_http), bench(stdio()) as box_stdio:
        box = box_http if over == "http" else box_stdio
        held = await holding(alice, box)
        if over == "stdio":
            (pid,) = children()
            os.kill(pid, signal.SIGKILL)
        else:
            server.cut()
        with pytest.raises(DownstreamUnavailableError):
            await held
        await alice.was_withdrawn.wait()
        alice.gate.set()
        assert await alice.found(box, "ask") == [accepted("alice")]


async def test_a_question_that_is_repeated_with_the_same_id_is_answered_for_each():
    alice = Host()
    async with bench(stdio()) as box:
        again = {"id": "same", "method": "roots/list", "params": {}}
        await alice.call(box, "send", messages=[again, again])
        assert await alice.found(box, "ask") == [accepted("alice")]
