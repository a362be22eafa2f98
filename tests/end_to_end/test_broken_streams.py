"""Streams that break are resumed, each by its own conversation alone; a legacy call outlives its connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.event_streams import EVERYTHING, UPDATED, OpenStream, changed, own_stream, subscribed
from tests.end_to_end.faces import LEGACY, MODERN
from tests.end_to_end.legacy_host import LegacyHost, begin
from tests.end_to_end.world import Downstream, World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE
from tests.rig import Rig

SURE = {"action": "accept", "content": {"sure": True}}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with an MCP that asks questions during calls, and one that reports updates."""
    with running(directory, prepared) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish("memos", "stdio", stdio_options(server="asking_server"))
        yield started


@pytest.fixture
def host(world: World) -> LegacyHost:
    """Open a conversation of a new user who can be asked."""
    return begin(world.caller(), {"elicitation": {}})


def ask_and_break(host: LegacyHost) -> tuple[str, Any]:
    """Call a tool, read its question, and break the connection; return the last event id and the question's id."""
    params = {"name": "tools__confirm", "arguments": {}}
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    with host.caller.http.stream("POST", "/mcp", json=message, headers=host.headers()) as answer:
        stream = OpenStream(answer)
        question = stream.next()
        assert question["method"] == "elicitation/create"
        return stream.last_id, question["id"]


def reply(host: LegacyHost, question: Any) -> None:
    assert host.post({"id": question, "result": SURE}).status_code == 202


def confirmed(messages: list[dict[str, Any]]) -> list[Any]:
    assert [each["id"] for each in messages] == [7]
    answers: list[Any] = messages[0]["result"]["structuredContent"]["answers"]
    return answers


def refused(host: LegacyHost, **headers: str) -> httpx.Response:
    wanted = {**host.headers(), "Accept": "text/event-stream", **headers}
    return host.caller.http.get("/mcp", headers=wanted)


def test_a_call_whose_connection_broke_goes_on_and_is_answered_on_another(host: LegacyHost) -> None:
    last_id, question = ask_and_break(host)
    with own_stream(host, last_id) as stream:
        reply(host, question)
        assert confirmed(stream.rest()) == [SURE]


def test_an_answer_that_came_meanwhile_is_kept_and_can_be_read_again(world: World, host: LegacyHost) -> None:
    last_id, question = ask_and_break(host)
    reply(host, question)
    session = host.caller.session_id
    (outcome,) = until(
        lambda: world.events(session=session, action="call:tool:outcome"), "the call has ended"
    )
    assert outcome["outcome"] == "succeeded"
    for _ in range(2):
        with own_stream(host, last_id) as stream:
            assert confirmed(stream.rest()) == [SURE]


def test_a_stream_that_is_resumed_twice_goes_on_at_the_later_connection(host: LegacyHost) -> None:
    last_id, question = ask_and_break(host)
    with own_stream(host, last_id) as first, own_stream(host, last_id) as second:
        assert first.rest() == []
        reply(host, question)
        assert confirmed(second.rest()) == [SURE]


def test_a_cancelled_call_ends_the_stream_that_was_resumed(world: World, host: LegacyHost) -> None:
    last_id, _ = ask_and_break(host)
    with own_stream(host, last_id) as stream:
        host.cancel(7)
        assert stream.rest() == []


def test_the_end_of_a_conversation_ends_its_streams_calls_and_subscriptions(
    world: World, host: LegacyHost
) -> None:
    last_id, _ = ask_and_break(host)
    subscribe = {"id": 8, "method": "resources/subscribe", "params": {"uri": "memo://ended"}}
    assert host.post(subscribe).json()["result"] == {}
    with own_stream(host, last_id) as of_call, own_stream(host) as own:
        ended = host.caller.http.delete("/mcp", headers=host.headers())
        assert ended.status_code == 204
        assert (of_call.rest(), own.rest()) == ([], [])
    assert refused(host).status_code == 404
    session = host.caller.session_id
    (outcome,) = until(
        lambda: world.events(session=session, action="call:tool:outcome"), "the call has ended"
    )
    assert outcome["reason"] == "cancelled"


def test_what_was_missed_is_sent_again(world: World, host: LegacyHost) -> None:
    writer = world.caller()
    subscribe = {"id": 8, "method": "resources/subscribe", "params": {"uri": "memo://missed"}}
    with own_stream(host) as stream:
        assert host.post(subscribe).json()["result"] == {}
        first = stream.last_id
        assert first
    assert writer.call(MODERN, "memos__update", {"uri": "memo://missed"}).succeeded
    with own_stream(host, first) as stream:
        assert stream.next()["method"] == UPDATED
    # The same id again brings the same again.
    with own_stream(host, first) as stream:
        assert stream.next()["params"] == {"uri": "memo://missed"}


def test_an_update_before_the_stream_was_opened_is_told(world: World, host: LegacyHost) -> None:
    subscribe = {"id": 8, "method": "resources/subscribe", "params": {"uri": "memo://early"}}
    assert host.post(subscribe).json()["result"] == {}
    assert world.caller().call(MODERN, "memos__update", {"uri": "memo://early"}).succeeded
    with own_stream(host) as stream:
        assert stream.next()["params"] == {"uri": "memo://early"}


def test_a_list_that_has_changed_meanwhile_is_told_when_the_host_comes_back(world: World) -> None:
    group = world.group("memos")
    host = begin(world.session(world.person(group)), {})
    with own_stream(host):
        pass
    world.ask("POST", "grants", {"group": group, "mcp": "tools"})
    with own_stream(host) as stream:
        assert stream.next()["method"] == changed("tools")


def test_a_second_stream_takes_the_place_of_the_first(world: World) -> None:
    group = world.group("memos")
    host = begin(world.session(world.person(group)), {})
    with own_stream(host) as first, own_stream(host) as second:
        assert first.rest() == []
        world.ask("POST", "grants", {"group": group, "mcp": "tools"})
        assert second.next()["method"] == changed("tools")


def test_streams_of_others_cannot_be_opened_or_resumed(world: World, host: LegacyHost) -> None:
    last_id, question = ask_and_break(host)
    stranger = begin(world.caller(), {})
    stolen = LegacyHost(stranger.caller, host.conversation)
    assert refused(stolen).status_code == 404
    assert refused(stolen, **{"Last-Event-ID": last_id}).status_code == 404
    assert refused(stranger, **{"Last-Event-ID": last_id}).status_code == 400
    assert stranger.caller.http.delete("/mcp", headers=stolen.headers()).status_code == 404
    reply(host, question)
    with own_stream(host, last_id) as stream:
        assert confirmed(stream.rest()) == [SURE]
    # The id of the own stream of another conversation, as after a restart: all may have changed.
    with own_stream(host) as stream:
        position = stream.last_id
    with own_stream(stranger, position) as stream:
        assert stream.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]


@pytest.mark.parametrize(
    "last_id",
    [
        "",
        "7",
        "-",
        "x-0-1",
        "0123456789abcdef-0-",
        "0123456789abcdef-1-1",
        "0123456789abcdef-0-1-1",
        "é",
        "9" * 5000,
    ],
)
def test_an_id_that_was_never_sent_is_refused(host: LegacyHost, last_id: str) -> None:
    wanted = {**host.headers(), "Accept": "text/event-stream"}
    headers = [(k.encode(), v.encode()) for k, v in wanted.items()]
    answer = host.caller.http.get("/mcp", headers=[*headers, (b"Last-Event-ID", last_id.encode())])
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600


@pytest.mark.parametrize("session", ["", "x", "0" * 32, "a b", "é", "../..", "9" * 5000])
def test_a_conversation_that_does_not_exist_has_no_stream(host: LegacyHost, session: str) -> None:
    headers = [
        (k.encode(), v.encode()) for k, v in (host.headers() | {"Accept": "text/event-stream"}).items()
    ]
    forged = [(k, session.encode() if k == b"Mcp-Session-Id" else v) for k, v in headers]
    assert host.caller.http.get("/mcp", headers=forged).status_code == 404


def test_only_a_legacy_conversation_has_a_stream(world: World, host: LegacyHost) -> None:
    secret = host.caller.secret
    without = {**LEGACY.headers(secret, "", {}), "Accept": "text/event-stream"}
    answer = host.caller.http.get("/mcp", headers=without)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, DELETE")
    for method in ("GET", "DELETE"):
        modern = {**MODERN.headers(secret, "", {}), **host.conversation, "Accept": "text/event-stream"}
        answer = host.caller.http.request(method, "/mcp", headers=modern)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert refused(host, Accept="application/json").status_code == 406
    assert host.caller.http.get("/mcp").status_code == 401
    subscribe = LEGACY.request(secret, "resources/subscribe", {"uri": "memo://1"})
    assert "session id" in host.caller.send(subscribe).json()["error"]["message"]


def test_a_modern_stream_that_breaks_leaves_nothing_behind(world: World) -> None:
    caller = world.caller()
    for _ in range(3):
        with subscribed(caller, {**EVERYTHING, "resourceSubscriptions": ["memo://left"]}) as stream:
            stream.next()
    with subscribed(caller, {"resourceSubscriptions": ["memo://left"]}) as stream:
        stream.next()
        assert caller.call(MODERN, "memos__update", {"uri": "memo://left"}).succeeded
        assert stream.next()["method"] == UPDATED


def test_the_end_of_the_server_ends_streams_in_order(directory: Path, prepared: Rig, tmp_path: Path) -> None:
    with running(tmp_path, prepared) as world:
        caller = world.caller()
        host = begin(world.caller(), {})
        with (
            httpx.Client(base_url=world.rig.client_url, timeout=PATIENCE, trust_env=False) as other,
            subscribed(caller, EVERYTHING) as modern,
            own_stream(LegacyHost(type(host.caller)(other, host.caller.secret), host.conversation)) as legacy,
        ):
            modern.next()
            with ThreadPoolExecutor(1) as pool:
                stopping = pool.submit(world.rig.stop)
                (last,) = modern.rest()
                assert last["result"]["resultType"] == "complete"
                assert legacy.rest() == []
                assert stopping.result() == 0
