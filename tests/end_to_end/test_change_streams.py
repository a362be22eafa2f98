"""Hosts of both eras are told of changes of what they see, on streams of their own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.event_streams import (
    EVERYTHING,
    SUBSCRIPTION,
    UPDATED,
    changed,
    own_stream,
    subscribed,
)
from tests.end_to_end.faces import LEGACY, MODERN
from tests.end_to_end.legacy_host import LegacyHost, begin
from tests.end_to_end.world import Caller, Downstream, World, downstream, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

MEMOS = stdio_options(server="asking_server")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with one MCP whose tools grow, and one that reports updates of its resources."""
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url}, pin="off")
        started.publish("memos", "stdio", MEMOS)
        yield started


def answer(caller: Caller, face: Any, method: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = caller.send(face.request(caller.secret, method, params)).json()
    return found


def ask(host: LegacyHost, method: str, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = host.post({"id": 5, "method": method, "params": params}).json()
    return found


def update(caller: Caller, uri: str, mcp: str = "memos") -> None:
    """Let the MCP report an update."""
    assert caller.call(MODERN, f"{mcp}__update", {"uri": uri}).succeeded


def is_opened(world: World, group: str, mcp: str) -> None:
    world.ask("POST", "grants", {"group": group, "mcp": mcp})


def test_a_subscription_is_acknowledged_first_and_tells_what_was_asked_for(world: World) -> None:
    group = world.group()
    caller = world.session(world.person(group))
    wanted = {"toolsListChanged": True, "unknown": 7, "promptsListChanged": False}
    with subscribed(caller, wanted, 'a "b"') as stream:
        first = stream.next()
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"] == {
            "notifications": {"toolsListChanged": True},
            "_meta": {SUBSCRIPTION: 'a "b"'},
        }
        is_opened(world, group, "memos")
        assert stream.next() == {
            "jsonrpc": "2.0",
            "method": changed("tools"),
            "params": {"_meta": {SUBSCRIPTION: 'a "b"'}},
        }


def test_hosts_are_told_of_access_that_is_given_and_of_its_end(world: World) -> None:
    """The grant is for this user alone, and nothing but the time ends it."""
    group = world.group()
    caller, other = world.session(world.person(group)), world.session(world.person(group))
    body = {"access": "tools.echo", "reason": "a test", "for_seconds": 8}
    with (
        subscribed(caller, {"toolsListChanged": True}, 1) as stream,
        subscribed(other, {"toolsListChanged": True}, 2) as silent,
    ):
        assert stream.next()["method"] == "notifications/subscriptions/acknowledged"
        assert silent.next()["method"] == "notifications/subscriptions/acknowledged"
        asked = world.http.post("/v1/me/requests", headers={"X-Session-Token": caller.secret}, json=body)
        world.ask("POST", f"approvals/{asked.json()['id']}/approve", {})
        assert stream.methods(2) == [changed("tools")] * 2
        assert "tools__echo" not in caller.names(MODERN)
        # The first thing that the other user is told of is a change of their own.
        is_opened(world, group, "memos")
        assert silent.next()["method"] == changed("tools")


def test_several_subscriptions_are_told_each_what_it_wants(world: World, directory: Path) -> None:
    caller = world.caller()
    everything = {**EVERYTHING, "resourceSubscriptions": ["memo://1", "memo://1"]}
    with (
        downstream(directory, "--offers", "tools,resources,prompts") as other,
        subscribed(caller, {"promptsListChanged": True}, 1) as prompts,
        subscribed(caller, everything, 2) as all_of_it,
    ):
        assert prompts.next()["params"]["_meta"] == {SUBSCRIPTION: 1}
        assert all_of_it.next()["params"]["notifications"] == {
            **EVERYTHING,
            "resourceSubscriptions": ["memo://1"],
        }
        name = world.fresh("offers")
        world.publish(name, "streamable_http", {"url": other.url})
        assert prompts.next()["method"] == changed("prompts")
        assert all_of_it.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]
        world.ask("POST", f"mcps/{name}/archive")
        assert prompts.next()["method"] == changed("prompts")


def test_the_stream_of_a_conversation_tells_all_kinds(world: World, directory: Path) -> None:
    host = begin(world.caller(), {})
    with (
        downstream(directory, "--offers", "tools,resources,prompts", "--title", "b") as other,
        own_stream(host) as stream,
    ):
        name = world.fresh("offers")
        world.publish(name, "streamable_http", {"url": other.url})
        assert stream.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]
        switch = world.ask("POST", "kill-switches", {"scope": "mcp", "target": name, "reason": "a test"})
        assert stream.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]
        world.ask("POST", f"kill-switches/{switch['id']}/lift")
        assert stream.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]
        world.ask("POST", f"mcps/{name}/archive")
        assert stream.methods(3) == [changed(kind) for kind in ("prompts", "resources", "tools")]


def test_a_new_tool_of_a_downstream_is_told_at_once(world: World) -> None:
    caller = world.caller()
    host = begin(world.caller(), {})
    with subscribed(caller, EVERYTHING) as modern, own_stream(host) as legacy:
        modern.next()
        before = len(caller.names(MODERN))
        assert caller.call(MODERN, "tools__grow").succeeded
        assert modern.next()["method"] == legacy.next()["method"] == changed("tools")
        assert len(caller.names(LEGACY)) == before + 1


def test_nothing_is_told_to_those_whose_lists_are_the_same(world: World) -> None:
    group = world.group("memos")
    stranger = world.session(world.person(group))
    with subscribed(stranger, EVERYTHING) as stream:
        stream.next()
        caller = world.caller()
        assert caller.call(MODERN, "tools__grow").succeeded
        with subscribed(caller, EVERYTHING) as seen:
            seen.next()
            assert caller.call(MODERN, "tools__grow").succeeded
            assert seen.next()["method"] == changed("tools")
        # The first message is about the grant, so none came before it.
        world.ask("POST", "grants", {"group": group, "mcp": "tools"})
        assert stream.next()["method"] == changed("tools")


def test_updates_are_told_under_the_published_uri_until_they_are_not_wanted(world: World) -> None:
    caller = world.caller()
    host = begin(caller, {})
    uri = "memo://legacy/1"
    with own_stream(host) as stream:
        assert ask(host, "resources/subscribe", uri=uri)["result"] == {}
        assert ask(host, "resources/subscribe", uri=uri)["result"] == {}
        update(caller, uri)
        assert stream.next() == {"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": uri}}
        assert ask(host, "resources/unsubscribe", uri=uri)["result"] == {}
        assert ask(host, "resources/subscribe", uri="memo://legacy/2")["result"] == {}
        update(caller, uri)
        update(caller, "memo://legacy/2")
        assert stream.next()["params"] == {"uri": "memo://legacy/2"}
    recorded = [
        (each["action"], each["resource"]["name"], each["details"]["method"])
        for each in until(
            lambda: world.events(session=caller.session_id, action="call:resource:attempt"), "recorded"
        )
    ]
    assert recorded[::-1] == [
        ("call:resource:attempt", each, "resources/subscribe") for each in (uri, "memo://legacy/2")
    ]


def test_updates_of_two_mcps_with_the_same_uri_are_told_apart(world: World) -> None:
    name = world.fresh("memos")
    world.publish(name, "stdio", MEMOS)
    caller = world.caller()
    uris = [f"ambassador:{mcp}:memo://same" for mcp in ("memos", name)]
    with subscribed(caller, {"resourceSubscriptions": uris}) as stream:
        assert stream.next()["params"]["notifications"] == {"resourceSubscriptions": uris}
        update(caller, "memo://same", name)
        assert stream.next()["params"] == {"uri": uris[1], "_meta": {SUBSCRIPTION: 9}}
        update(caller, "memo://same")
        assert stream.next()["params"]["uri"] == uris[0]
    world.ask("POST", f"mcps/{name}/archive")


def test_what_may_not_be_read_is_not_watched(world: World) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask(
        "POST",
        "grants",
        {"group": group, "mcp": "memos", "resources": ["memo://mine*"], "allow_unmatched": True},
    )
    caller = world.session(world.person(group))
    uris = ["memo://others", "memo://mine", "ambassador:tools:memo://1", "no uri", ""]
    with subscribed(caller, {"resourceSubscriptions": uris}) as stream:
        assert stream.next()["params"]["notifications"] == {"resourceSubscriptions": ["memo://mine"]}
    host = begin(caller, {})
    asked = ask(host, "resources/subscribe", uri="memo://others")
    read = ask(host, "resources/read", uri="memo://others")
    assert asked["error"] == read["error"]
    assert asked["error"]["code"] == -32602
    denied = until(lambda: world.events(session=caller.session_id, action="call:resource:deny"), "recorded")
    assert "resources/subscribe" in {each["details"]["method"] for each in denied}


def test_a_grant_that_is_gone_ends_the_updates(world: World) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    grant = world.ask(
        "POST",
        "grants",
        {"group": group, "mcp": "memos", "resources": ["memo://gone*"], "allow_unmatched": True},
    )
    reader, writer = world.session(world.person(group)), world.caller()
    wanted = {"toolsListChanged": True, "resourceSubscriptions": ["memo://gone/1"]}
    watched = {"resourceSubscriptions": ["memo://gone/1"]}
    with subscribed(reader, wanted) as stream, subscribed(writer, watched) as other:
        assert len({each.next()["method"] for each in (stream, other)}) == 1
        update(writer, "memo://gone/1")
        assert stream.next()["method"] == other.next()["method"] == UPDATED
        world.ask("DELETE", f"grants/{grant['id']}")
        update(writer, "memo://gone/1")
        assert other.next()["method"] == UPDATED
        again = world.ask(
            "POST",
            "grants",
            {"group": group, "mcp": "memos", "resources": ["memo://gone*"], "allow_unmatched": True},
        )
        update(writer, "memo://gone/1")
        assert other.next()["method"] == UPDATED
        # Told of the tools, but of no update: the host has to subscribe again.
        world.ask("DELETE", f"grants/{again['id']}")
        world.ask("POST", "grants", {"group": group, "mcp": "memos"})
        assert stream.next()["method"] == changed("tools")


def test_a_kill_switch_holds_updates_back_and_the_end_of_a_session_ends_the_stream(world: World) -> None:
    person, writer = world.person(), world.caller()
    caller = world.session(person)
    watched = {"resourceSubscriptions": ["memo://held"]}
    with (
        subscribed(caller, {"toolsListChanged": True, **watched}) as stream,
        subscribed(writer, watched) as other,
    ):
        assert len({each.next()["method"] for each in (stream, other)}) == 1
        switch = world.ask(
            "POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "a test"}
        )
        assert stream.next()["method"] == changed("tools")
        update(writer, "memo://held")
        assert other.next()["method"] == UPDATED
        world.ask("POST", f"kill-switches/{switch['id']}/lift")
        assert stream.next()["method"] == changed("tools")
        update(writer, "memo://held")
        assert stream.next()["method"] == UPDATED
        world.ask("POST", f"sessions/{caller.session_id}/revoke")
        (last,) = stream.rest()
        assert last == {
            "jsonrpc": "2.0",
            "id": 9,
            "result": {"resultType": "complete", "_meta": {SUBSCRIPTION: 9}},
        }


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"notifications": None},
        {"notifications": []},
        {"notifications": {"toolsListChanged": "yes"}},
        {"notifications": {"resourceSubscriptions": "memo://1"}},
        {"notifications": {"resourceSubscriptions": [7]}},
        {"notifications": {"resourceSubscriptions": [f"memo://{number}" for number in range(257)]}},
    ],
)
def test_an_invalid_filter_is_refused(world: World, params: dict[str, Any]) -> None:
    assert answer(world.caller(), MODERN, "subscriptions/listen", **params)["error"]["code"] == -32602


def test_the_methods_of_one_era_are_unknown_in_the_other(world: World) -> None:
    caller = world.caller()
    listen = answer(caller, LEGACY, "subscriptions/listen", notifications=EVERYTHING)
    subscribe = answer(caller, MODERN, "resources/subscribe", uri="memo://1")
    assert listen["error"]["code"] == subscribe["error"]["code"] == -32601


def test_capabilities_say_that_changes_are_told(world: World) -> None:
    caller = world.caller()
    modern = answer(caller, MODERN, "server/discover")["result"]["capabilities"]
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    legacy = answer(caller, LEGACY, "initialize", **params)["result"]["capabilities"]
    for found in (modern, legacy):
        assert found["tools"] == {"listChanged": True}
        assert found["resources"] == {"listChanged": True, "subscribe": True}
    nobody = world.session(world.person(world.group()))
    assert json.dumps(answer(nobody, MODERN, "server/discover")["result"]["capabilities"]) == (
        '{"tools": {"listChanged": true}}'
    )
