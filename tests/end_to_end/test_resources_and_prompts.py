"""Resources, templates, prompts and completions of several downstreams, over `/mcp` in both eras."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY, MCP_FACES, MODERN, Mcp
from tests.end_to_end.legacy_host import begin, messages
from tests.end_to_end.world import Caller, World, downstream, running, until
from tests.rig import Rig

EVERYTHING = "tools,resources,prompts,completions"


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with two downstreams that offer the same, one in each era; `first` is the older entry."""
    flags = ("--offers", EVERYTHING)
    with (
        downstream(directory, "--era", "modern", *flags, "--title", "first") as first,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish("first", "streamable_http", {"url": first.url})
        started.publish_fixture("second", *flags, "--title", "second")
        yield started


def result(caller: Caller, face: Mcp, method: str, **params: Any) -> dict[str, Any]:
    answer = caller.send(face.request(caller.secret, method, params))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert "result" in body, body
    return body["result"]


def error(caller: Caller, face: Mcp, method: str, **params: Any) -> dict[str, Any]:
    body = caller.send(face.request(caller.secret, method, params)).json()
    assert "error" in body, body
    return body["error"]


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_lists_have_what_both_offer_under_unique_names(world: World, face: Mcp) -> None:
    caller = world.caller()
    listed = result(caller, face, "resources/list")
    assert [each["uri"] for each in listed["resources"]] == [
        *(f"memo://{number}" for number in range(3)),
        *(f"ambassador:second:memo://{number}" for number in range(3)),
    ]
    assert {each["x-kept"] for each in listed["resources"]} == {10**20}
    templates = result(caller, face, "resources/templates/list")["resourceTemplates"]
    assert [each["uriTemplate"] for each in templates] == [
        "memo://{number}",
        "ambassador:second:memo://{number}",
    ]
    prompts = result(caller, face, "prompts/list")["prompts"]
    assert [each["name"] for each in prompts] == ["first__greet", "second__greet"]
    assert ("ttlMs" in listed) == face.modern
    if face.modern:
        assert listed["cacheScope"] == "private"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("memo://1", "first memo://1"),
        ("memo://77", "first memo://77"),
        ("ambassador:second:memo://1", "second memo://1"),
        ("ambassador:second:memo://77", "second memo://77"),
    ],
)
def test_a_resource_is_read_from_its_mcp_under_its_published_uri(
    world: World, face: Mcp, uri: str, text: str
) -> None:
    (contents,) = result(world.caller(), face, "resources/read", uri=uri)["contents"]
    assert contents == {"uri": uri, "mimeType": "text/plain", "text": text, "x-kept": 10**20}


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_what_was_read_is_cached_for_nobody_else(world: World, face: Mcp) -> None:
    found = result(world.caller(), face, "resources/read", uri="memo://1")
    assert found.get("cacheScope") == ("private" if face.modern else None)
    assert ("resultType" in found) == face.modern


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize("name", ["first__greet", "second__greet", "second.greet", "second:greet"])
def test_links_in_a_prompt_lead_to_its_mcp(world: World, face: Mcp, name: str) -> None:
    caller = world.caller()
    said, link = result(caller, face, "prompts/get", name=name, arguments={"whom": "Ada"})["messages"]
    assert said["content"]["text"] == "Hello Ada"
    mcp = name.partition("__")[0].partition(".")[0].partition(":")[0]
    uri = link["content"]["uri"]
    (contents,) = result(caller, face, "resources/read", uri=uri)["contents"]
    assert contents["text"] == f"{mcp} memo://2"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_links_and_embedded_resources_of_a_tool_lead_to_its_mcp(world: World, face: Mcp) -> None:
    caller = world.caller()
    for mcp, prefix in (("first", ""), ("second", "ambassador:second:")):
        found = result(caller, face, "tools/call", name=f"{mcp}__media", arguments={"width": 1})
        picture, sound, file, memo, link = found["content"]
        assert (memo["resource"]["uri"], link["uri"]) == (f"{prefix}memo://1", f"{prefix}memo://2")
        assert (picture["type"], sound["type"]) == ("image", "audio")
        assert file["resource"]["uri"] == f"ambassador:{mcp}:file:///etc/passwd"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    ("reference", "forwarded"),
    [
        ({"type": "ref/prompt", "name": "second__greet", "title": "T"}, {"name": "greet"}),
        (
            {"type": "ref/resource", "uri": "ambassador:second:memo://{number}", "title": "T"},
            {"uri": "memo://{number}"},
        ),
    ],
)
def test_the_reference_of_a_completion_is_the_mcps_own(
    world: World, face: Mcp, reference: dict[str, Any], forwarded: dict[str, Any]
) -> None:
    argument = {"name": "whom", "value": "A"}
    found = result(world.caller(), face, "completion/complete", ref=reference, argument=argument)
    ref, completed = found["completion"]["values"]
    assert json.loads(ref) == {**reference, **forwarded}
    assert completed == "A!"


@pytest.mark.parametrize("mcp", ["first", "second"])
def test_a_completion_cannot_ask_the_host(world: World, mcp: str) -> None:
    caller = world.caller()
    params = {
        "ref": {"type": "ref/prompt", "name": f"{mcp}__greet"},
        "argument": {"name": "whom", "value": "asks"},
        # No parameter of this method; it must not take the place of the argument in the record.
        "arguments": {},
    }
    capabilities = {"elicitation": {"form": {}}}
    meta = {"_meta": {"io.modelcontextprotocol/clientCapabilities": capabilities}}
    answer = caller.send(MODERN.request(caller.secret, "completion/complete", {**params, **meta})).json()
    posted = begin(caller, capabilities).post({"id": 7, "method": "completion/complete", "params": params})
    (message,) = messages(posted)
    if mcp == "first":
        assert "asks for input" in answer["error"]["message"]
        assert message["error"]["code"] == -31002
    else:
        assert answer["result"]["completion"]["values"][1] == "asks!"
        assert message["result"]["completion"]["values"][1] == "asks!"
    attempts = [
        each["details"]["arguments"]
        for each in world.events(session=caller.session_id)
        if each["action"] == "call:prompt:attempt"
    ]
    assert attempts == [params["argument"]] * 2


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("resources/read", {"uri": "other://1"}),
        ("resources/read", {"uri": "ambassador:nobody:memo://1"}),
        ("resources/read", {}),
        ("resources/read", {"uri": 7}),
        ("prompts/get", {"name": "first__unknown"}),
        ("prompts/get", {"name": "first__echo"}),
        ("prompts/get", {"name": "first__greet", "arguments": []}),
        ("tools/call", {"name": "first__greet", "arguments": {}}),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "no"}, "argument": {}}),
        ("completion/complete", {"ref": {"type": "ref/other"}, "argument": {}}),
        ("completion/complete", {"ref": [], "argument": {}}),
        ("completion/complete", {}),
        ("resources/list", {"cursor": "x"}),
        ("prompts/list", {"cursor": 1}),
    ],
)
def test_what_does_not_exist_is_an_invalid_parameter(
    world: World, face: Mcp, method: str, params: dict[str, Any]
) -> None:
    assert error(world.caller(), face, method, **params)["code"] == -32602


def test_every_request_is_recorded_and_a_kill_switch_stops_it(world: World) -> None:
    caller = world.caller()
    requests = [
        ("resources/read", {"uri": "memo://1"}, "resource", "memo://1"),
        ("prompts/get", {"name": "first__greet"}, "prompt", "first.greet"),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "first__greet"}, "argument": {"name": "a", "value": "b"}},
            "prompt",
            "first.greet",
        ),
    ]
    for method, params, _, _ in requests:
        result(caller, MODERN, method, **params)

    def ended() -> list[dict[str, Any]] | None:
        events = world.events(session=caller.session_id)[::-1]
        return events if sum(each["action"].endswith(":outcome") for each in events) == 3 else None

    events = [
        each for each in until(ended, "the outcomes are recorded") if each["action"].startswith("call:")
    ]
    assert [
        (each["action"], each["resource"]["kind"], each["resource"]["name"], each["details"].get("method"))
        for each in events
        if each["action"].endswith(":attempt")
    ] == [(f"call:{kind}:attempt", kind, name, method) for method, _, kind, name in requests]

    switch = world.ask(
        "POST",
        "kill-switches",
        {"scope": "mcp", "target": "first", "reason": "a test", "message": "stopped today"},
    )
    try:
        for method, params, _, _ in requests:
            assert "stopped today" in error(caller, MODERN, method, **params)["message"]
        assert result(caller, LEGACY, "resources/list")["resources"][0]["uri"].startswith(
            "ambassador:second:"
        )
    finally:
        world.ask("POST", f"kill-switches/{switch['id']}/lift")


def test_a_grant_covers_only_the_kinds_that_it_names(world: World) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": "second", "resources": ["memo://1"]})
    world.ask("POST", "grants", {"group": group, "mcp": "first", "prompts": ["*"]})
    caller = world.session(world.person(group))
    assert result(caller, MODERN, "tools/list")["tools"] == []
    assert [each["uri"] for each in result(caller, MODERN, "resources/list")["resources"]] == [
        "ambassador:second:memo://1"
    ]
    assert [each["name"] for each in result(caller, MODERN, "prompts/list")["prompts"]] == ["first__greet"]
    assert error(caller, MODERN, "resources/read", uri="memo://1")["message"] == "Unknown resource: memo://1"
    result(caller, MODERN, "resources/read", uri="ambassador:second:memo://1")
    error(caller, MODERN, "resources/read", uri="ambassador:second:memo://2")
    error(caller, MODERN, "tools/call", name="first__echo", arguments={})


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    "evasion", ["../secret", "%2e%2e/secret", "..%2Fsecret", "./../secret", "%2E./secret"]
)
def test_no_spelling_of_a_uri_evades_the_patterns_of_a_grant(world: World, face: Mcp, evasion: str) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": "first", "resources": ["memo://1/public/*"]})
    caller = world.session(world.person(group))
    result(caller, face, "resources/read", uri="ambassador:first:memo://1/public/x")
    uri = f"ambassador:first:memo://1/public/{evasion}"
    assert error(caller, face, "resources/read", uri=uri)["message"] == f"Unknown resource: {uri}"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_capabilities_are_those_of_the_principals_mcps(world: World, face: Mcp) -> None:
    everything, nothing = world.caller(), world.session(world.person(world.group()))
    assert capabilities(everything, face) == {"tools", "resources", "prompts", "completions"}
    assert capabilities(nothing, face) == {"tools"}


def capabilities(caller: Caller, face: Mcp) -> set[str]:
    if face.modern:
        return set(result(caller, face, "server/discover")["capabilities"])
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    return set(result(caller, face, "initialize", **params)["capabilities"])


@pytest.mark.parametrize("level", ["loud", "", 7, None])
def test_an_unknown_log_level_is_refused(world: World, level: Any) -> None:
    caller = world.caller()
    assert (
        begin(caller, {})
        .post({"id": 1, "method": "logging/setLevel", "params": {"level": level}})
        .json()["error"]["code"]
        == -32602
    )
    meta = {"io.modelcontextprotocol/logLevel": level}
    assert error(caller, MODERN, "tools/list", _meta=meta)["code"] == -32602
