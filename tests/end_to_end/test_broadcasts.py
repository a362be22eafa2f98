"""A broadcast calls real MCP servers together on every face; each that fails is named, and nothing else leaks."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.end_to_end.faces import FACES, LEGACY, MODERN, MODERN_VERSION, REST, Face, Mcp
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.raw_http import connected, head
from tests.end_to_end.test_client_identity import Client as CommandLine
from tests.end_to_end.world import Caller, Person, World, assert_nothing_internal, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE
from tests.rig import Rig

TARGETS = ("east", "north", "west")
ECHO = "broadcast__echo"
BOUNDS = {"seconds": 20, "target_seconds": 5, "result_bytes": 65536}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, broadcasts=BOUNDS) as started:
        for name in TARGETS:
            slow = {"default_arguments": {"seconds": 60 if name == "east" else 0}}
            transforms = {"slow": slow} | ({"process": {"name": "ident"}} if name == "west" else {})
            started.publish(
                name,
                "stdio",
                stdio_options(),
                broadcast="all",
                tags=["site.one"],
                pin="off",
                transforms=transforms,
            )
        started.publish_fixture("alone")
        yield started


@pytest.fixture
def person(world: World) -> Person:
    return world.person(world.group(*TARGETS))


@pytest.fixture
def caller(world: World, person: Person) -> Caller:
    return world.session(person)


def structured(caller: Caller, face: Mcp, name: str, **arguments: Any) -> dict[str, Any]:
    """Return the structured content of a broadcast over `/mcp`."""
    answer = caller.call(face, name, arguments)
    assert "result" in answer.body, answer.body
    found: dict[str, Any] = answer.body["result"]["structuredContent"]
    return found


def described(caller: Caller, face: Face, name: str) -> dict[str, Any]:
    response = caller.send(face.listing(caller.secret))
    body = response.json()
    tools = body["result"]["tools"] if isinstance(face, Mcp) else body["tools"]
    found: dict[str, Any] = next(each for each in tools if each["name"] == name)
    return found


@pytest.mark.parametrize("face", FACES, ids=str)
def test_every_target_answers_on_every_face_and_is_recorded(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    assert ECHO in caller.names(face)
    assert "broadcast__by_tag__site_one" in caller.names(face)
    assert "alone" not in json.dumps(described(caller, face, ECHO))
    answer = caller.call(face, ECHO, {"arguments": {"text": "hello"}})
    assert answer.succeeded, answer
    assert "BROADCAST RESULTS: echo" in answer.text
    for name in TARGETS:
        assert f"[{name}]\n  hello\n" in answer.text
    if isinstance(face, Mcp):
        content = answer.body["result"]["structuredContent"]
        assert content["results"] == {
            name: {"content": [{"type": "text", "text": "hello"}]} for name in TARGETS
        }
    events = until(
        lambda: len(found := world.events(user=person.name, action="call:tool:outcome")) == 3 and found,
        "three outcomes",
    )
    assert {each["resource"]["name"] for each in events} == {f"{name}.echo" for name in TARGETS}
    assert len({each["request_id"] for each in events}) == 1
    attempts = world.events(user=person.name, action="call:tool:attempt")
    assert all(each["details"]["arguments"] == {"text": "hello"} for each in attempts)


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_what_hosts_get_of_it_is_a_valid_definition(caller: Caller, face: Mcp) -> None:
    tool = described(caller, face, ECHO)
    assert tool["annotations"]["readOnlyHint"] is True
    schema = tool["inputSchema"]
    assert schema["properties"]["arguments"]["properties"] == {"text": {"type": "string"}}
    assert schema["properties"]["servers"]["items"]["enum"] == list(TARGETS)
    assert "structuredContent" not in tool
    assert set(tool["outputSchema"]["required"]) >= {"results", "errors"}


def test_a_broadcast_by_tag_calls_the_tool_it_is_told(caller: Caller) -> None:
    name = "broadcast__by_tag__site_one"
    tool = described(caller, LEGACY, name)
    tools = tool["inputSchema"]["properties"]["tool_name"]["enum"]
    assert {"echo", "process", "slow"} <= set(tools)
    assert "ident" not in tools
    given = {"arguments": {"text": "x"}, "servers": ["west"]}
    assert list(structured(caller, LEGACY, name, tool_name="echo", **given)["results"]) == ["west"]
    assert "near: 'echo'" in caller.call(LEGACY, name, {"tool_name": "ecko"}).text
    found = structured(caller, MODERN, name, tool_name="process")
    assert sorted(found["results"]) == ["east", "north"]


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_stopped_target_is_named_and_the_others_answer(world: World, caller: Caller, face: Face) -> None:
    body = {"scope": "mcp", "target": "north", "reason": "incident 7", "message": "Back at noon."}
    switch = world.ask("POST", "kill-switches", body)
    try:
        answer = caller.call(face, ECHO, {"arguments": {"text": "x"}})
        assert answer.succeeded
        line = "[north] ERROR: north__echo is stopped by an administrator: Back at noon."
        assert line in answer.text
        assert "north" not in json.dumps(described(caller, face, ECHO))
    finally:
        world.ask("POST", f"kill-switches/{switch['id']}/lift")


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_stopped_user_is_refused_and_does_not_see_it(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    switch = world.ask("POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "lost"})
    try:
        answer = caller.call(face, ECHO, {"arguments": {"text": "x"}})
        assert answer.failed
        assert "stopped by an administrator" in answer.text
        assert ECHO not in caller.names(face)
    finally:
        world.ask("POST", f"kill-switches/{switch['id']}/lift")


@pytest.mark.parametrize("face", FACES, ids=str)
def test_who_may_use_one_target_gets_the_answer_to_an_unknown_name(world: World, face: Face) -> None:
    one = world.session(world.person(world.group("east")))
    assert not [name for name in one.names(face) if name.startswith("broadcast")]
    refused = one.call(face, ECHO, {"arguments": {"text": "x"}})
    unknown = one.call(face, "broadcast__nothing", {})
    assert refused.failed
    assert refused.text.replace(ECHO, "NAME") == unknown.text.replace("broadcast__nothing", "NAME")
    assert refused.code == unknown.code


def test_a_denied_target_shows_in_nothing(world: World) -> None:
    group = world.group(*TARGETS)
    grant = {"group": group, "mcp": "west", "tools": ["west.echo"], "effect": "deny"}
    world.ask("POST", "grants", grant)
    caller = world.session(world.person(group))
    assert described(caller, LEGACY, ECHO)["inputSchema"]["properties"]["servers"]["items"]["enum"] == [
        "east",
        "north",
    ]
    found = structured(caller, MODERN, ECHO, arguments={"text": "x"})
    assert "west" not in json.dumps(found)
    for name in ("west", "unknown"):
        text = caller.call(LEGACY, ECHO, {"arguments": {}, "servers": [name]}).text
        assert text.startswith(f"{name!r} is no target of this broadcast")
        assert text.endswith("; targets: east, north")


def test_a_target_over_its_limit_is_named(world: World, person: Person, caller: Caller) -> None:
    body = {"scope": "mcp", "target": "east", "measure": "argument_bytes", "value": 20}
    world.ask("PUT", "limits/short", body)
    try:
        found = structured(caller, LEGACY, ECHO, arguments={"text": "x" * 50})
    finally:
        world.ask("DELETE", "limits/short")
    assert found["reasons"] == {"east": "limit_exceeded"}
    assert "the limit 'short' allows arguments of 20 bytes" in found["errors"]["east"]
    (event,) = until(lambda: world.events(user=person.name, action="call:tool:deny"), "the denial")
    assert (event["resource"]["name"], event["reason"]) == ("east.echo", "limit_exceeded")


def test_a_target_that_needs_an_approval_is_named_at_once_and_approved_for_the_next_call(
    world: World,
) -> None:
    group = world.group("east", "north")
    world.ask("POST", "grants", {"group": group, "mcp": "west", "approval": {}})
    person = world.person(group)
    caller = world.session(person)
    given = {"text": "needs another person"}
    found = structured(caller, LEGACY, ECHO, arguments=given)
    assert found["reasons"] == {"west": "approval_pending"}
    assert sorted(found["results"]) == ["east", "north"]
    (request,) = world.ask("GET", f"approvals?filter=user%3D{person.name}&filter=status%3Dpending")["items"]
    world.ask("POST", f"approvals/{request['id']}/approve", {})
    assert structured(caller, LEGACY, ECHO, arguments=given)["successful"] == 3
    assert structured(caller, LEGACY, ECHO, arguments=given)["reasons"] == {"west": "approval_pending"}


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_a_slow_target_ends_at_its_deadline(world: World, person: Person, caller: Caller, face: Mcp) -> None:
    found = structured(caller, face, "broadcast__slow")
    assert sorted(found["results"]) == ["north", "west"]
    assert found["reasons"] == {"east": "downstream_timeout"}
    assert_nothing_internal(json.dumps(found))
    events = until(lambda: world.events(user=person.name, outcome="failed"), "the outcome of the slow call")
    assert [(each["resource"]["name"], each["reason"]) for each in events] == [
        ("east.slow", "downstream_timeout")
    ]


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_a_cancelled_broadcast_cancels_the_call_of_every_target(
    world: World, person: Person, caller: Caller, face: Mcp
) -> None:
    host = begin(caller, {}) if face is LEGACY else None
    wire = face.call(caller.secret, "broadcast__slow", {"arguments": {"seconds": 60}})
    headers = wire.headers | ({} if host is None else host.conversation)
    size = {"Content-Length": str(len(wire.body))}
    with connected(world.rig.ports["port"]) as connection:
        connection.sendall(head(wire.method, wire.path, headers | size) + wire.body)
        until(lambda: len(recorded(world, person, "attempt")) == 3, "three calls run")
        if host is not None:
            host.cancel(7)
            until(lambda: len(recorded(world, person, "outcome")) == 3, "three outcomes")
    events = until(lambda: len(found := recorded(world, person, "outcome")) == 3 and found, "three outcomes")
    assert {each["reason"] for each in events} == {"cancelled"}


def recorded(world: World, person: Person, step: str) -> list[dict[str, Any]]:
    return world.events(user=person.name, action=f"call:tool:{step}")


def test_only_when_all_fail_it_is_an_error(caller: Caller) -> None:
    found = caller.call(LEGACY, "broadcast__fail", {})
    assert found.failed
    assert found.body["result"]["structuredContent"]["errors"] == dict.fromkeys(TARGETS, "it failed")


def test_a_dead_target_is_named(caller: Caller) -> None:
    found = structured(caller, LEGACY, "broadcast__crash", servers=["west"])
    assert list(found["errors"]) == ["west"]
    assert_nothing_internal(json.dumps(found))


def test_a_large_answer_is_cut_and_a_link_is_that_of_a_direct_call(caller: Caller) -> None:
    answer = caller.call(LEGACY, "broadcast__big", {"arguments": {"megabytes": 0.1}})
    assert answer.succeeded
    content = answer.body["result"]["structuredContent"]
    assert sorted(content["truncated"]) == list(TARGETS)
    assert len(json.dumps(answer.body["result"])) <= BOUNDS["result_bytes"] * 1.1
    media = structured(caller, LEGACY, "broadcast__media", arguments={"width": 3}, servers=["east"])
    blocks = media["results"]["east"]["content"]
    assert [each["type"] for each in blocks][:3] == ["image", "audio", "resource"]
    direct = caller.call(LEGACY, "east__media", {"width": 3}).body["result"]["content"]
    assert blocks == direct
    shown = caller.call(REST, "broadcast__media", {"arguments": {"width": 3}, "servers": ["east"]}).body[
        "result"
    ]
    assert [each for each in shown if each["type"] != "text"] == direct[:2]
    assert "[image image/png]" in shown[0]["text"]


def test_nobody_can_be_asked_during_a_broadcast(caller: Caller) -> None:
    found = structured(caller, MODERN, "broadcast__confirm", arguments={"rounds": 1})
    assert found["successful"] + found["failed"] == 3
    assert "inputRequests" not in json.dumps(found)


def test_a_user_lists_describes_and_calls_it_with_the_client(
    world: World, person: Person, tmp_path: Path
) -> None:
    client = CommandLine(world, tmp_path)
    client.login(person)
    assert ECHO in [each["tool"] for each in client.json("tools", "list")]
    shown = client.run("tools", "show", ECHO).stdout
    assert "servers" in shown
    called = client.run(
        "call", ECHO, "--json", '{"arguments": {"text": "hello"}, "servers": ["east", "west"]}'
    )
    assert "[east]\n  hello" in called.stdout
    typed = client.run("call", ECHO, "arguments.text=typed", "servers=east", "servers=north")
    assert "[north]\n  typed" in typed.stdout
    assert "[west]" not in typed.stdout
    failed = client.run("call", "broadcast__fail", expect=1)
    assert "it failed" in failed.stdout + failed.stderr
    near = client.run("call", "broadcast__eco", expect=5)
    assert ECHO in near.stderr


@pytest.mark.parametrize("mode", ["legacy", MODERN_VERSION])
async def test_the_sdk_of_the_protocol_takes_the_answer_for_valid(
    world: World, person: Person, mode: str
) -> None:
    """It checks the structured content against the output schema."""
    token = {"Authorization": f"Bearer {world.session(person).secret}"}
    async with asyncio.timeout(PATIENCE), httpx2.AsyncClient(headers=token, timeout=PATIENCE) as http:
        transport = streamable_http_client(f"{world.rig.client_url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as host:
            listed = await host.list_tools()
            assert ECHO in [each.name for each in listed.tools]
            result = await host.call_tool(ECHO, {"arguments": {"text": "hello"}})
            assert result.structured_content is not None
            assert result.structured_content["successful"] == 3


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_host_with_meta_tools_describes_and_calls_a_broadcast(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    until(lambda: caller.names(face) == ["search_tools", "describe_tool", "call_tool"], "three tools alone")
    assert ECHO in caller.call(face, "search_tools", {"query": "echo"}).text
    assert "servers" in caller.call(face, "describe_tool", {"name": ECHO}).text
    given = {"name": ECHO, "arguments": {"arguments": {"text": "hello"}, "servers": ["west"]}}
    answer = caller.call(face, "call_tool", given)
    assert answer.succeeded
    assert "[west]\n  hello" in answer.text


def test_an_administrator_sees_who_takes_part_and_why_not(world: World) -> None:
    tools = {each["own_name"]: each for each in world.rig.admin_json("mcp", "tools", "west")}
    assert (tools["echo"]["broadcast_as"], tools["echo"]["not_broadcast"]) == (ECHO, "")
    assert tools["process"]["not_broadcast"] == "no other MCP that broadcasts has a tool of this name"
    assert {each["broadcast_as"] for each in world.rig.admin_json("mcp", "tools", "alone")} == {""}
    (warning,) = world.rig.admin_json("mcp", "show", "west")["warnings"]
    assert warning.startswith("One call can reach its destructive tools (")
    asked = world.rig.admin("access", "explain", world.person().name, ECHO, expect=5)
    assert "decides about each tool that it calls" in asked.stderr
    refused = world.rig.admin("mcp", "add", "broadcast", "--", "true", expect=2)
    assert "those of this server itself" in refused.stderr


def test_hosts_learn_that_it_came_and_went(world: World) -> None:
    group = world.group(*TARGETS)
    caller = world.session(world.person(group))
    for name in ("east", "north"):
        world.ask("PATCH", f"mcps/{name}", {"broadcast": "read_only"})
    try:
        until(lambda: "broadcast__fail" not in caller.names(LEGACY), "only tools that read are broadcast")
        assert ECHO in caller.names(LEGACY)
        world.ask("PATCH", "mcps/east", {"broadcast": "off"})
        until(
            lambda: "east" not in json.dumps(described(caller, LEGACY, ECHO)["inputSchema"]),
            "east is left out",
        )
    finally:
        for name in ("east", "north"):
            world.ask("PATCH", f"mcps/{name}", {"broadcast": "all"})
    assert caller.call(REST, ECHO, {"arguments": {"text": "x"}}).succeeded
