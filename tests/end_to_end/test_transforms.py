"""Tools that an administrator has changed: what users get on every face, and what is refused there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.event_streams import changed, own_stream, subscribed
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Face
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Caller, World, assert_refused, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

READS = {"readOnlyHint": True}
FIXED = {"tenant": "acme"}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        yield started


def change(world: World, name: str, transforms: dict[str, Any], status: int = 200) -> Any:
    """Change the tools of an MCP over REST."""
    response = world.admin.patch(f"/v1/admin/mcps/{name}", json={"transforms": transforms})
    assert response.status_code == status, response.text
    return response.json()


@pytest.fixture
def notes(world: World, directory: Path) -> str:
    """Publish an MCP that answers each call with the name that it was called by."""
    name = world.fresh("notes")
    schema = {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "tenant": {"type": "string"},
            "limit": {"type": "integer"},
        },
        "required": ["query", "tenant"],
    }
    offered = [tool("search", description="Finds."), tool("delete"), tool("list", annotations=READS)]
    offered[0]["inputSchema"] = schema
    world.publish(name, "stdio", options(directory, {"tools": offered}))
    return name


@pytest.fixture
def mirror(world: World) -> str:
    """Publish an MCP with a tool that returns its params."""
    name = world.fresh("mirror")
    world.publish(name, "stdio", stdio_options())
    return name


def definitions(caller: Caller, face: Face) -> dict[str, Any]:
    """Return the definitions that a face lists, by name."""
    answer = caller.send(face.listing(caller.secret)).json()
    tools = (answer["result"] if face is not REST else answer)["tools"]
    return {each["name"]: each for each in tools}


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_changed_tool_is_listed_and_called_by_its_new_name_only(world: World, notes: str, face: Face) -> None:
    caller = world.caller()
    assert caller.call(face, f"{notes}__search").text == "search"
    change(
        world,
        notes,
        {
            "search": {
                "name": "find",
                "description": "Looks.",
                "description_suffix": "Only acme.",
                "fixed_arguments": FIXED,
                "default_arguments": {"limit": 20},
            }
        },
    )
    found = definitions(caller, face)
    assert f"{notes}__search" not in found
    definition = found[f"{notes}__find"]
    assert definition["description"] == "Looks.\n\nOnly acme."
    schema = definition["inputSchema" if face is not REST else "input_schema"]
    assert list(schema["properties"]) == ["query", "limit"]
    assert (schema["required"], schema["properties"]["limit"]["default"]) == (["query"], 20)
    for name in (f"{notes}__find", f"{notes}.find", f"{notes}:find"):
        assert caller.call(face, name).text == "search"
    for name in (f"{notes}__search", f"{notes}.search", f"{notes}:search"):
        answer = caller.call(face, name)
        assert answer.failed
        assert answer.text == f"Unknown tool: {name}"
    events = world.events(action="call:tool:outcome")
    assert events[0]["resource"]["name"] == f"{notes}.find"


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_fixed_argument_is_added_and_one_of_the_caller_refused(world: World, mirror: str, face: Face) -> None:
    fixed = {"params": {"fixed_arguments": FIXED, "default_arguments": {"limit": 20}}}
    world.ask("PATCH", f"mcps/{mirror}", {"arguments": "full", "transforms": fixed})
    caller = world.caller()
    answer = caller.call(face, f"{mirror}__params", {"query": "x", "limit": None})
    assert answer.succeeded, answer
    (attempt,) = [
        each
        for each in world.events(action="call:tool:attempt", limit="1")
        if each["resource"]["name"] == f"{mirror}.params"
    ]
    sent = {"query": "x", "limit": None, "tenant": "acme"}
    assert attempt["details"]["arguments"] == sent
    if face is not REST:
        assert answer.body["result"]["structuredContent"]["arguments"] == sent
    for smuggled in ("tenant", "Tenant", "tenant\0"):
        refused = caller.call(face, f"{mirror}__params", {"query": "x", smuggled: "evil"})
        assert refused.failed
        assert "an administrator has fixed its argument" in refused.text
        assert "(fixed_argument)" in refused.text
        assert refused.code == (None if face is REST else -32602)
    denied = world.events(action="call:tool:deny", reason="fixed_argument")[0]
    assert denied["resource"]["name"] == f"{mirror}.params"


def test_repeated_key_does_not_smuggle_a_fixed_argument_past(world: World, notes: str) -> None:
    change(world, notes, {"search": {"fixed_arguments": FIXED}})
    caller, before = world.caller(), len(world.events(action="call:tool:attempt"))
    for face in FACES:
        for raw in ('{"a":1,"tenant":1,"a":2}', '{"\\u0074enant":1}', '{"tenant":1,"tenant":2}'):
            wire = face.call(caller.secret, f"{notes}__search", "ARGUMENTS")
            body = wire.body.replace(b'"ARGUMENTS"', raw.encode())
            response = caller.http.request(wire.method, wire.path, headers=wire.headers, content=body)
            assert face.read(response.status_code, response.content).failed
    assert len(world.events(action="call:tool:attempt")) == before


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_arguments_that_are_no_object_are_refused_as_such(world: World, notes: str, face: Face) -> None:
    change(world, notes, {"search": {"fixed_arguments": FIXED}})
    caller, before = world.caller(), len(world.events(action="call:tool:attempt"))
    for arguments in ([], ["tenant"], "tenant", 1):
        answer = caller.call(face, f"{notes}__search", arguments)
        assert answer.failed
        assert "arguments" in answer.text
        assert "fixed" not in answer.text
        assert answer.code == (None if face is REST else -32602)
    assert len(world.events(action="call:tool:attempt")) == before


def test_hidden_tool_does_not_exist(world: World, notes: str, tmp_path: Path) -> None:
    change(world, notes, {"delete": {"hidden": True}})
    assert_refused(world.caller(), "Unknown tool", tool=f"{notes}__delete")
    client = Client(world, tmp_path)
    client.login(world.person())
    assert f"{notes}__delete" not in [each["tool"] for each in client.json("tools", "list")]
    client.run("call", f"{notes}__delete", expect=5)
    change(world, notes, {})
    assert world.caller().call(LEGACY, f"{notes}__delete").succeeded


def test_client_knows_the_published_form_alone(world: World, notes: str, tmp_path: Path) -> None:
    change(world, notes, {"search": {"name": "find", "fixed_arguments": FIXED, "description": "Looks."}})
    client = Client(world, tmp_path)
    client.login(world.person())
    shown = client.json("tools", "show", f"{notes}__find")
    assert "tenant" not in json.dumps(shown)
    assert "Looks." in json.dumps(shown)
    assert client.run("call", f"{notes}__find", "query=x").stdout == "search\n"
    assert "tenant" in client.run("call", f"{notes}__find", "query=x", "tenant=evil", expect=2).stderr
    assert "search" not in json.dumps(client.json("catalog", "show", notes))
    client.run("call", f"{notes}__search", expect=5)


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_large_result_becomes_an_error_and_is_never_cut(world: World, mirror: str, face: Face) -> None:
    change(world, mirror, {"echo": {"result_bytes": 200}})
    caller = world.caller()
    assert caller.call(face, f"{mirror}__echo", {"text": "short"}).text == "short"
    answer = caller.call(face, f"{mirror}__echo", {"text": "x" * 500})
    assert answer.failed
    assert "an administrator permits 200 for this tool" in answer.text
    assert "xxx" not in answer.text
    assert world.events(action="call:tool:outcome")[0]["outcome"] == "failed"


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_call_past_the_deadline_of_its_tool_is_cancelled_downstream(
    world: World, mirror: str, face: Face
) -> None:
    change(world, mirror, {"slow": {"call_timeout_seconds": 0.3}, "*": {"call_timeout_seconds": 50}})
    caller = world.caller()
    before = int(caller.call(LEGACY, f"{mirror}__cancelled").text)
    answer = caller.call(face, f"{mirror}__slow", {"seconds": 600})
    assert answer.failed
    assert f"{mirror}: no answer within 0.3 s" in answer.text
    event = world.events(action="call:tool:outcome")[0]
    assert (event["outcome"], event["reason"]) == ("failed", "downstream_timeout")
    until(lambda: int(caller.call(LEGACY, f"{mirror}__cancelled").text) == before + 1, "it is cancelled")


def test_deadline_of_a_tool_may_be_longer_than_that_of_its_mcp(world: World, tmp_path: Path) -> None:
    name = world.fresh("hasty")
    slower = {"slow": {"call_timeout_seconds": 600}}
    world.publish(name, "stdio", stdio_options(), call_timeout_seconds=0.3, transforms=slower)
    client = Client(world, tmp_path)
    client.login(world.person())
    assert client.run("call", f"{name}__slow", "--json", '{"seconds": 1}').stdout == "awake\n"
    world.rig.admin("mcp", "transform", name, "slow", "--timeout", "0")
    refused = client.run("call", f"{name}__slow", "--json", '{"seconds": 600}', expect=7)
    assert "no answer within 0.3 s" in refused.stderr


def test_grants_and_switches_see_the_new_name_and_class(world: World, notes: str) -> None:
    change(world, notes, {"list": {"name": "index", "annotations": {"readOnlyHint": False}}})
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": notes, "tools": ["index"]})
    caller = world.session(world.person(group))
    for face in FACES:
        assert caller.names(face) == [f"{notes}__index"]
        assert caller.call(face, f"{notes}__index").text == "list"
    switch = {"scope": "tool_class", "target": "destructive", "reason": "drill"}
    lifted = world.ask("POST", "kill-switches", switch)["id"]
    until(lambda: caller.call(LEGACY, f"{notes}__index").failed, "the switch stops it")
    world.ask("POST", f"kill-switches/{lifted}/lift")
    until(lambda: caller.call(LEGACY, f"{notes}__index").succeeded, "the switch is lifted")
    switch = {"scope": "tool", "target": f"{notes}.index", "reason": "drill"}
    lifted = world.ask("POST", "kill-switches", switch)["id"]
    until(lambda: caller.call(LEGACY, f"{notes}__index").failed, "the switch stops it by its new name")
    refused = change(world, notes, {"list": {"name": "another"}}, status=409)
    assert "would not stop it by its new name" in refused["detail"]
    world.ask("POST", f"kill-switches/{lifted}/lift")
    denial = {"group": group, "mcp": notes, "tools": ["index"], "effect": "deny"}
    world.ask("POST", "grants", denial)
    assert "would not deny" in change(world, notes, {}, status=409)["detail"]


def test_rename_needs_no_approval_and_a_change_by_the_downstream_does(world: World, directory: Path) -> None:
    name = world.fresh("pinned")
    script = options(directory, {"tools": [tool("edit", description="Edits.")]})
    world.publish(name, "stdio", script)
    change(world, name, {"edit": {"name": "modify", "description": "Modifies."}})
    caller = world.caller()
    assert caller.call(LEGACY, f"{name}__modify").succeeded
    assert world.ask("GET", f"mcps/{name}")["waiting"] == 0
    Path(script["command"][-1]).write_text(json.dumps({"tools": [tool("edit", description="Evil.")]}))
    world.ask("POST", f"mcps/{name}/restart")
    until(lambda: world.ask("GET", f"mcps/{name}")["waiting"] == 1, "the change waits")
    assert_refused(caller, "definition_changed", tool=f"{name}__modify")
    world.rig.admin("mcp", "approve", name, "edit")
    for face in MCP_FACES:
        assert definitions(caller, face)[f"{name}__modify"]["description"] == "Modifies."


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        ({"serach": {"hidden": True}}, "has no tool 'serach'; near: 'search'"),
        ({"search": {"name": "find"}, "find": {"hidden": True}}, "it is the name that 'search' was given"),
        ({"search": {"fixed_arguments": {"tennant": 1}}}, "has no argument 'tennant'; near: 'tenant'"),
        ({"search": {"name": "list"}}, "another tool of the MCP has that name"),
        ({"search": {"name": "a.b"}}, "is not a name to publish a tool by"),
        ({"search": {"name": "x" * 64}}, "longer than 64 characters"),
        ({"search": {"name": "x_0123456789abcdef"}}, "looks like one with a suffix"),
        ({"search": {"name": "x"}, "delete": {"name": "x"}}, "cannot have the same name"),
        ({"*": {"name": "x"}}, "All tools cannot have one name"),
        ({"search": {"annotations": {"readOnly": True}}}, "the annotation 'readOnly' is none"),
        ({"search": {"annotations": {"readOnlyHint": "yes"}}}, "each true or false"),
        ({"search": {"result_bytes": 0}}, "must lie between 1"),
        ({"search": {"call_timeout_seconds": 0}}, "must lie between 0 and 3600 seconds"),
        ({"search": {"call_timeout_seconds": 3601}}, "'search': the call timeout must lie"),
        ({"search": {"description": "\x1b[2J"}}, "must be printable text"),
        ({"search": {"fixed_arguments": {"tenant": "amb_pk_" + "C" * 48}}}, "looks like a secret"),
        (
            {"search": {"fixed_arguments": {"tenant": 1}, "default_arguments": {"tenant": 1}}},
            "cannot be fixed and have a default",
        ),
    ],
)
def test_wrong_transform_is_refused_with_its_reason(
    world: World, notes: str, transforms: dict[str, Any], words: str
) -> None:
    refused = change(world, notes, transforms, status=400)
    assert words in refused["detail"]
    assert world.ask("GET", f"mcps/{notes}")["transforms"] == {}


def test_swapped_names_and_that_of_a_hidden_tool_are_permitted(world: World, notes: str) -> None:
    change(world, notes, {"search": {"name": "list"}, "list": {"name": "search"}})
    caller = world.caller()
    assert caller.call(LEGACY, f"{notes}__list").text == "search"
    change(world, notes, {"search": {"name": "delete"}, "delete": {"hidden": True}})
    assert caller.call(LEGACY, f"{notes}__delete").text == "search"


def test_selection_of_a_client_takes_the_new_name(world: World, notes: str) -> None:
    change(world, notes, {"search": {"name": "find"}})
    person = world.person()
    path = f"/v1/me/subscriptions/{notes}"
    secret = {"Authorization": f"Bearer {person.key}"}
    answer = world.http.put(path, headers=secret, json={"tools": ["find"]})
    assert answer.is_success, answer.text
    caller = world.session(person)
    assert [name for name in caller.names(LEGACY) if name.startswith(notes)] == [f"{notes}__find"]
    assert world.http.put(path, headers=secret, json={"tools": ["search"]}).status_code == 400


def test_hosts_are_told_that_their_tools_were_changed(world: World, notes: str) -> None:
    caller, host = world.caller(), begin(world.caller(), {})
    with subscribed(caller, {"toolsListChanged": True}) as modern, own_stream(host) as legacy:
        modern.next()
        change(world, notes, {"search": {"description": "Looks."}})
        assert modern.next()["method"] == legacy.next()["method"] == changed("tools")
        assert definitions(caller, MODERN)[f"{notes}__search"]["description"] == "Looks."


def test_fixed_argument_that_a_header_mirrors_needs_no_header(world: World, directory: Path) -> None:
    name = world.fresh("weather")
    schema = {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}}
    offered = {"tools": [{"name": "forecast", "inputSchema": schema}]}
    world.publish(
        name,
        "stdio",
        options(directory, offered),
        transforms={"forecast": {"fixed_arguments": {"city": "paris"}}},
    )
    caller = world.caller()
    assert caller.call(MODERN, f"{name}__forecast").succeeded
    assert "fixed_argument" in caller.call(LEGACY, f"{name}__forecast", {"city": "rome"}).text


def test_rename_says_which_permissions_it_ends(world: World, notes: str) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    grant = world.ask("POST", "grants", {"group": group, "mcp": notes, "tools": ["search"]})
    done = world.rig.admin("mcp", "transform", notes, "search", "--rename", "find")
    assert f"no longer have: {grant['id']} ({notes}.search)" in done.stderr.replace("\n", " ")
    dry = world.rig.admin("mcp", "transform", notes, "serach", "--hide", "--dry-run", expect=2)
    assert "near: 'search'" in dry.stderr
