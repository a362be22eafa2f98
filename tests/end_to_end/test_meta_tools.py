"""A user with the three tools instead of a list has the same tools under the same controls, on every face."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from ambassador_server.meta_tools.definitions import DEFINITIONS
from tests.client.host import host as start_client
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Answer, Face, Mcp, Wire
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_next_call import env_of
from tests.end_to_end.world import (
    Caller,
    Downstream,
    Person,
    World,
    assert_nothing_internal,
    downstream,
    running,
    until,
)
from tests.rig import Rig

META = ["search_tools", "describe_tool", "call_tool"]
YES = {"action": "accept", "content": {"sure": True}}


class ThroughMeta:
    """A face on which every call of a tool is one of `call_tool`."""

    def __init__(self, face: Face) -> None:
        self.face = face

    def __repr__(self) -> str:
        return f"{self.face}-call_tool"

    def call(self, secret: str, tool: Any, arguments: Any) -> Wire:
        return self.face.call(secret, "call_tool", {"name": tool, "arguments": arguments})

    def listing(self, secret: str) -> Wire:
        return self.face.listing(secret)

    def read(self, status: int, content: bytes) -> Answer:
        return self.face.read(status, content)

    def names(self, content: bytes) -> list[str]:
        return self.face.names(content)


THROUGH: tuple[Face, ...] = tuple(ThroughMeta(face) for face in FACES)


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with (
        downstream(directory, "--era", "modern") as modern,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish("modern", "streamable_http", {"url": modern.url})
        yield started


@pytest.fixture
def person(world: World) -> Person:
    """Return a user who gets the three tools."""
    person = world.person(world.group("tools", "modern"))
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    return person


@pytest.fixture
def caller(world: World, person: Person) -> Caller:
    return world.session(person)


def found(caller: Caller, face: Face, query: str, **more: int) -> dict[str, Any]:
    answer = caller.call(face, "search_tools", {"query": query, **more})
    assert answer.succeeded, answer
    value: dict[str, Any] = json.loads(answer.text)
    jsonschema_rs.validate(DEFINITIONS["search_tools"]["outputSchema"], value)
    if isinstance(face, Mcp):
        assert answer.body["result"]["structuredContent"] == value
    return value


def names(caller: Caller, face: Face, query: str, **more: int) -> list[str]:
    return [each["name"] for each in found(caller, face, query, **more)["tools"]]


def described(caller: Caller, face: Face, name: str) -> dict[str, Any]:
    answer = caller.call(face, "describe_tool", {"name": name})
    assert answer.succeeded, answer
    value = json.loads(answer.text)
    jsonschema_rs.validate(DEFINITIONS["describe_tool"]["outputSchema"], value)
    definition: dict[str, Any] = value["tool"]
    return definition


def definitions(caller: Caller, face: Face) -> dict[str, Any]:
    body = caller.send(face.listing(caller.secret)).json()
    return {each["name"]: each for each in body.get("result", body)["tools"]}


@pytest.mark.parametrize("face", FACES, ids=str)
def test_off_by_default_and_the_three_names_are_unknown(world: World, face: Face) -> None:
    caller = world.caller()
    assert "tools__echo" in caller.names(face)
    assert not set(META) & set(caller.names(face))
    for name in META:
        answer = caller.call(face, name, {"query": "x", "name": "tools__echo"})
        assert answer.failed
        assert f"Unknown tool: {name}" in answer.text


@pytest.mark.parametrize("face", FACES, ids=str)
def test_three_tools_take_the_place_of_the_list(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    assert caller.names(face) == META
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "off"})
    listed = definitions(caller, face)
    assert len(listed) > 3
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    assert caller.names(face) == META
    every = found(caller, face, "", limit=50)
    assert [each["name"] for each in every["tools"]] == sorted(listed)
    assert every["total"] == len(listed)
    assert names(caller, face, "", limit=2, offset=1) == sorted(listed)[1:3]
    assert names(caller, face, "tools.echo")[0] == "tools__echo"
    definition = described(caller, face, "tools.media")
    told = listed[definition["name"]]
    if isinstance(face, Mcp):
        assert definition == told
    else:
        assert (definition["description"], definition["inputSchema"]) == (
            told["description"],
            told["input_schema"],
        )


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_call_is_the_call_of_the_real_tool_also_in_the_audit(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    through = ThroughMeta(face)
    direct = caller.call(face, "tools__echo", {"text": "a"})
    indirect = caller.call(through, "tools__echo", {"text": "a"})
    assert direct.succeeded, "the real tools stay callable by their names"

    def same(answer: Answer) -> Any:
        return answer.body["result"]

    assert same(indirect) == same(direct)
    assert caller.call(through, "tools:echo", {"text": "b"}).text == "b"
    events = until(
        lambda: each if len(each := world.events(session=caller.session_id)) >= 7 else None, "all is recorded"
    )
    calls = [each for each in events if each["action"].startswith("call:")]
    assert {each["resource"]["name"] for each in calls} == {"tools.echo"}
    attempts = [each for each in calls if each["action"] == "call:tool:attempt"]
    assert [each["details"]["arguments"] for each in attempts] == [
        {"text": "b"},
        {"text": "a"},
        {"text": "a"},
    ]


def test_a_key_has_its_own_choice_and_inherits_that_of_its_user(world: World, person: Person) -> None:
    caller = world.session(person)
    admin = world.rig.admin
    assert caller.names(LEGACY) == META
    admin("key", "update", person.key_id, "--meta-tools", "off")
    assert len(caller.names(LEGACY)) > 3
    admin("user", "update", person.name, "--meta-tools", "off")
    admin("key", "update", person.key_id, "--meta-tools", "on")
    assert caller.names(MODERN) == META
    assert caller.names(REST) == META
    admin("key", "update", person.key_id, "--meta-tools", "inherit")
    assert len(caller.names(LEGACY)) > 3
    changes = [each["details"] for each in world.events(action="admin:key:update", resource="laptop")]
    assert {"before": {"meta_tools": "inherit"}, "after": {"meta_tools": "off"}} in changes
    issued = world.ask("POST", "keys", {"user": person.name, "name": "second", "meta_tools": "on"})
    assert issued["key"]["meta_tools"] == "on"
    rotated = world.ask("POST", f"keys/{issued['key']['id']}/rotate", {})
    assert rotated["key"]["meta_tools"] == "on"
    second = world.session(Person(person.name, rotated["key"]["id"], rotated["preshared_key"]))
    assert second.names(LEGACY) == META


@pytest.mark.parametrize("face", FACES, ids=str)
def test_what_is_not_granted_is_neither_found_nor_described_nor_called(
    world: World, tools: Downstream, face: Face
) -> None:
    person = world.person(world.group("modern"))
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller, arrived = world.session(person), tools.from_here()
    assert all(each.startswith("modern__") for each in names(caller, face, "", limit=50))
    assert "tools__echo" not in names(caller, face, "tools echo", limit=50)
    for answer in (
        caller.call(face, "describe_tool", {"name": "tools__echo"}),
        caller.call(ThroughMeta(face), "tools__echo", {"text": "must not run"}),
        caller.call(ThroughMeta(face), "nothing__echo", {"text": "must not run"}),
    ):
        assert answer.failed
        assert "modern__echo" in answer.text, "near matches are among what the user may call"
        assert "'tools__" not in answer.text
        assert_nothing_internal(json.dumps(answer.body))
    denied = world.events(action="call:tool:deny", user=person.name)
    assert [(each["resource"]["name"], each["reason"]) for each in denied] == [
        ("nothing__echo", "unknown_tool"),
        ("tools.echo", "no_grant"),
    ]
    assert arrived.count() == 0


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_kill_switch_stops_search_description_and_call(
    world: World, caller: Caller, tools: Downstream, face: Face
) -> None:
    arrived = tools.from_here()
    stop = {"scope": "tool", "target": "tools.echo", "reason": "incident 7"}
    switch = world.ask("POST", "kill-switches", stop)["id"]
    assert "tools__echo" not in names(caller, face, "tools echo", limit=50)
    assert caller.call(face, "describe_tool", {"name": "tools__echo"}).failed
    refused = caller.call(ThroughMeta(face), "tools__echo", {"text": "must not run"})
    assert refused.failed
    assert "tools__echo is stopped by an administrator: incident 7" in refused.text
    if isinstance(face, Mcp):
        direct = caller.call(face, "tools__echo", {"text": "must not run"})
        assert refused.body["error"] == direct.body["error"]
    world.ask("POST", f"kill-switches/{switch}/lift")
    assert names(caller, face, "tools echo")[0] == "tools__echo"
    for scope in ("everyone", "user"):
        target = None if scope == "everyone" else world.events(session=caller.session_id)[0]["actor"]["name"]
        body = {"scope": scope, "target": target, "reason": "incident 8"}
        switch = world.ask("POST", "kill-switches", {key: each for key, each in body.items() if each})["id"]
        assert caller.names(face) == []
        assert names(caller, face, "echo") == []
        assert "incident 8" in caller.call(ThroughMeta(face), "tools__echo", {"text": "must not run"}).text
        world.ask("POST", f"kill-switches/{switch}/lift")
    assert caller.call(ThroughMeta(face), "tools__echo", {"text": "runs"}).text == "runs"
    assert arrived.count() == 1


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_kill_switch_cancels_a_running_call(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    with ThreadPoolExecutor(1) as thread:
        arguments = {"seconds": 600, "text": "slow"}
        slow = thread.submit(caller.call, ThroughMeta(face), "tools__slow", arguments)
        until(lambda: world.events(action="call:tool:attempt", user=person.name), "the call runs")
        stop = {"scope": "tool", "target": "tools.slow", "reason": "incident 9"}
        switch = world.ask("POST", "kill-switches", stop)["id"]
        assert "tools__slow is stopped by an administrator: incident 9" in slow.result().text
    world.ask("POST", f"kill-switches/{switch}/lift")


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_limit_of_the_real_tool_holds(world: World, person: Person, caller: Caller, face: Face) -> None:
    limit = {"scope": "tool", "target": "tools.echo", "measure": "calls_per_day", "value": 1}
    world.ask("PUT", "limits/daily", limit)
    try:
        assert caller.call(ThroughMeta(face), "tools__echo", {"text": "a"}).succeeded
        refused = caller.call(ThroughMeta(face), "tools__echo", {"text": "must not run"})
        assert refused.failed
        assert "the limit 'daily' allows" in refused.text
        assert caller.call(face, "tools__echo", {"text": "must not run"}).failed
        assert names(caller, face, "echo"), "a search is no call of the tool"
    finally:
        world.ask("DELETE", "limits/daily")


@pytest.mark.parametrize("face", FACES, ids=str)
def test_constraints_hold_for_the_very_bytes(world: World, tools: Downstream, face: Face) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    constraints = {"text": {"pattern": "^acme/"}}
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "constraints": constraints})
    person = world.person(group)
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller, arrived = world.session(person), tools.from_here()
    through = ThroughMeta(face)
    assert caller.call(through, "tools__echo", {"text": "acme/x"}).text == "acme/x"
    assert "argument_not_allowed" in caller.call(through, "tools__echo", {"text": "evil"}).text

    def raw(arguments: bytes) -> Answer:
        wire = through.call(caller.secret, "tools__echo", {"text": "acme/x"})
        given = b'{"name": "tools__echo", "arguments": {"text": "acme/x"}}'
        assert given in wire.body
        body = wire.body.replace(given, arguments)
        response = caller.http.request(wire.method, wire.path, headers=wire.headers, content=body)
        return face.read(response.status_code, response.content)

    for arguments, words in (
        (b'{"name": "tools__echo", "arguments": {"text": "acme/x", "text": "evil"}}', "argument_not_allowed"),
        (b'{"name": "tools__echo", "arguments": {"text": "evil", "t\\u0065xt": "acme/x"}}', "argument_not"),
        (b'{"name": "tools__echo", "arguments": {"text": "acme/x"}, "arguments": {}}', "given twice"),
        (b'{"name": "tools__echo", "n\\u0061me": "tools__add", "arguments": {}}', "given twice"),
        (b'{"name": "tools__echo", "argument": {"text": "acme/x"}}', "near: 'arguments'"),
        (b'{"name": "tools__echo", "arguments": [1]}', "must be an object"),
        (b'{"arguments": {"text": "acme/x"}}', "name is missing"),
        (b'{"name": 7}', "name must be a text"),
    ):
        answer = raw(arguments)
        assert answer.failed, (arguments, answer)
        assert words in answer.text
    assert arrived.count() == 1
    big = raw(
        b'{"arguments" : {"text": "acme/\xc3\xa4", "big": 12345678901234567890123}, "name": "tools__echo"}'
    )
    assert big.succeeded, big
    (_, call) = arrived.calls()
    assert call["arguments"]["big"] == 12345678901234567890123


def test_a_tool_that_waits_for_approval_is_hidden(world: World, directory: Path) -> None:
    name = world.fresh("pinned")
    script = options(directory, {"tools": [tool("fixed"), tool("announce")], "announces": True})
    world.publish(name, "stdio", script)
    person = world.person(world.group(name))
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller = world.session(person)
    assert names(caller, LEGACY, f"{name} fixed")[0] == f"{name}__fixed"
    changed = {"tools": [tool("fixed", description="now evil"), tool("announce")], "announces": True}
    Path(script["command"][-1]).write_text(json.dumps(changed), encoding="utf-8")
    caller.call(ThroughMeta(LEGACY), f"{name}__announce", {})
    for face in FACES:
        until(lambda face=face: f"{name}__fixed" not in names(caller, face, "fixed evil"), "it is hidden")
        refused = caller.call(ThroughMeta(face), f"{name}__fixed", {})
        assert "definition_changed" in refused.text
        assert caller.call(face, "describe_tool", {"name": f"{name}__fixed"}).failed


@pytest.mark.parametrize("mcp", ["tools", "modern"])
def test_questions_pass_as_in_a_direct_call(world: World, caller: Caller, mcp: str) -> None:
    asked = begin(caller, {"elicitation": {"form": {}}})
    with asked.call("call_tool", name=f"{mcp}__confirm", arguments={"rounds": 1}) as stream:
        question = next(stream)
        assert question["params"]["message"] == f"{mcp} asks: Delete it (1)?"
        assert asked.post({"id": question["id"], "result": YES}).status_code == 202
        assert next(stream)["result"]["structuredContent"]["answers"] == [YES]
    capabilities = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    params: dict[str, Any] = {
        "name": "call_tool",
        "arguments": {"name": f"{mcp}__confirm", "arguments": {"rounds": 1}},
        "_meta": capabilities,
    }
    first = caller.send(MODERN.request(caller.secret, "tools/call", params)).json()["result"]
    assert first["resultType"] == "input_required"
    (key,) = first["inputRequests"]
    retry = {**params, "inputResponses": {key: YES}, "requestState": first["requestState"]}
    done = caller.send(MODERN.request(caller.secret, "tools/call", retry))
    assert MODERN.read(done.status_code, done.content).body["result"]["structuredContent"]["answers"] == [YES]
    other = {**retry, "arguments": {"name": f"{mcp}__echo", "arguments": {"rounds": 1}}}
    refused = caller.send(MODERN.request(caller.secret, "tools/call", other)).json()
    assert "error" in refused, "answers belong to the call that asked"


@pytest.mark.parametrize("face", MCP_FACES, ids=str)
def test_progress_passes_with_the_token_of_the_caller(caller: Caller, face: Mcp) -> None:
    params = {
        "name": "call_tool",
        "arguments": {"name": "tools__progress", "arguments": {}},
        "_meta": {"progressToken": "mine"},
    }
    wire = face.request(caller.secret, "tools/call", params)
    body = caller.send(wire).text
    assert '"progressToken":"mine"' in body.replace(" ", ""), body
    assert '"result"' in body


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_host_behind_the_client_lists_searches_and_calls(
    world: World, person: Person, tmp_path: Path, modern: bool
) -> None:
    async with start_client(env_of(world, person, tmp_path)) as host:
        if not modern:
            await host.initialize()
        listed = await host.request("tools/list", modern=modern)
        assert [each["name"] for each in listed["result"]["tools"]] == META
        search = await host.call("search_tools", {"query": "echo"}, modern=modern)
        assert "tools__echo" in json.dumps(search["result"]["structuredContent"])
        arguments = {"name": "tools__echo", "arguments": {"text": "through"}}
        called = await host.call("call_tool", arguments, modern=modern)
        assert called["result"]["content"] == [{"type": "text", "text": "through"}]


def test_the_commands_of_the_client_show_and_call_the_real_tools(
    world: World, person: Person, tmp_path: Path
) -> None:
    client = Client(world, tmp_path)
    client.login(person)
    assert "tools__echo" in client.run("tools", "list").stdout
    assert "Say the text again" in client.run("tools", "show", "tools.echo").stdout
    assert "hello" in client.run("call", "tools.echo", "text=hello").stdout


def test_a_user_chooses_for_the_own_client(world: World, tmp_path: Path) -> None:
    person = world.person()
    client, caller = Client(world, tmp_path), world.session(person)
    client.login(person)
    assert client.json("whoami")["meta_tools"] is False
    assert "search the tools" in client.run("meta-tools", "on").stderr
    assert client.json("whoami")["meta_tools"] is True
    assert caller.names(LEGACY) == META
    assert "list the tools" in client.run("meta-tools", "inherit").stderr
    assert len(caller.names(LEGACY)) > 3
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    assert caller.names(LEGACY) == META
    client.run("meta-tools", "off")
    assert len(caller.names(LEGACY)) > 3
    assert "'maybe' is not one of" in client.run("meta-tools", "maybe", expect=2).stderr
    (event, *_) = world.events(action="admin:key:update", user=person.name)
    assert event["details"] == {"before": {"meta_tools": "inherit"}, "after": {"meta_tools": "off"}}


@pytest.mark.parametrize("face", FACES, ids=str)
def test_wrong_arguments_of_a_search_are_told(caller: Caller, face: Face) -> None:
    for arguments, words in (
        ({}, "query is missing"),
        ({"query": 7}, "query must be a text"),
        ({"query": "x", "limit": 0}, "limit must be a whole number from 1 to 50"),
        ({"query": "x", "limit": 51}, "from 1 to 50"),
        ({"query": "x", "limit": "5"}, "limit must be"),
        ({"query": "x", "ofset": 5}, "near: 'offset'"),
    ):
        answer = caller.call(face, "search_tools", arguments)
        assert answer.failed
        assert words in answer.text
    for query in ('" OR *', "NEAR(", "name:", "x" * 20_000, "\u0000", "..."):
        assert caller.call(face, "search_tools", {"query": query}).succeeded


def test_values_that_cannot_be_are_refused_with_what_can(world: World, person: Person) -> None:
    user = world.admin.patch(f"/v1/admin/users/{person.name}", json={"meta_tools": "inherit"})
    assert (user.status_code, "on or off" in user.text) == (400, True)
    key = world.admin.patch(f"/v1/admin/keys/{person.key_id}", json={"meta_tools": "maybe"})
    assert (key.status_code, "inherit" in key.text) == (400, True)
    assert world.admin.patch(f"/v1/admin/keys/{person.key_id}", json={}).status_code == 400
