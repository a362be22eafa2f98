"""Grants, selections and explanations of resources and prompts, for hosts, administrators and clients."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import MCP_FACES, Mcp
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import Caller, Person, World, running
from tests.rig import Rig

EVERYTHING = {
    "tools": {"memo__echo"},
    "resources": {"memo://0", "memo://1", "memo://2"},
    "resourceTemplates": {"memo://{number}"},
    "prompts": {"memo__greet"},
}
NAMES = {"tools": "name", "resources": "uri", "resourceTemplates": "uriTemplate", "prompts": "name"}
METHODS = {
    "tools": "tools/list",
    "resources": "resources/list",
    "resourceTemplates": "resources/templates/list",
    "prompts": "prompts/list",
}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish_fixture("memo", "--offers", "tools,resources,prompts")
        yield started


def granted(world: World, **named: list[str]) -> Person:
    """Return a user whose group has one grant that names this."""
    group = world.group()
    world.ask("PUT", "grants", {"group": group, "mcp": "memo", **named})
    return world.person(group)


def answer(caller: Caller, face: Mcp, method: str, **params: Any) -> dict[str, Any]:
    body: dict[str, Any] = caller.send(face.request(caller.secret, method, params)).json()
    return body


def listed(caller: Caller, face: Mcp) -> dict[str, set[str]]:
    """Return what each list has of what EVERYTHING names."""
    found = {}
    for member, method in METHODS.items():
        items = answer(caller, face, method).get("result", {}).get(member, [])
        found[member] = {item[NAMES[member]] for item in items} & EVERYTHING[member]
    return found


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    ("named", "visible"),
    [
        ({}, EVERYTHING),
        ({"tools": ["*"]}, EVERYTHING),
        ({"tools": ["echo"]}, {"tools": EVERYTHING["tools"]}),
        ({"tools": ["*"], "resources": []}, {"tools": EVERYTHING["tools"]}),
        ({"resources": ["memo://1"]}, {"resources": {"memo://1"}}),
        ({"resources": ["memo://{*"]}, {"resourceTemplates": {"memo://{number}"}}),
        ({"prompts": ["greet"]}, {"prompts": {"memo__greet"}}),
        (
            {"resources": ["memo://0"], "prompts": ["*"]},
            {"resources": {"memo://0"}, "prompts": {"memo__greet"}},
        ),
    ],
)
def test_lists_have_what_the_grant_names(
    world: World, face: Mcp, named: dict[str, list[str]], visible: dict[str, set[str]]
) -> None:
    caller = world.session(granted(world, **named))
    assert listed(caller, face) == {kind: visible.get(kind, set()) for kind in EVERYTHING}


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_reads_and_gets_are_decided_by_the_same_grants(world: World, face: Mcp) -> None:
    caller = world.session(granted(world, resources=["memo://1", "memo://7*"]))
    for uri in ("memo://1", "memo://77"):
        assert answer(caller, face, "resources/read", uri=uri)["result"]["contents"][0]["uri"] == uri
    for method, params in (
        ("resources/read", {"uri": "memo://2"}),
        ("resources/read", {"uri": "memo://8"}),
        ("prompts/get", {"name": "memo__greet", "arguments": {}}),
    ):
        assert "result" not in answer(caller, face, method, **params)


def test_a_denial_of_resources_leaves_the_rest(world: World) -> None:
    face = MCP_FACES[0]
    group = world.group("memo")
    caller = world.session(world.person(group))
    denial = {"group": group, "mcp": "memo", "effect": "deny", "resources": ["memo://1"], "prompts": ["*"]}
    world.ask("PUT", "grants", denial)
    assert listed(caller, face) == EVERYTHING | {"resources": {"memo://0", "memo://2"}, "prompts": set()}


def test_a_selection_narrows_each_kind(world: World) -> None:
    face = MCP_FACES[0]
    person = world.person(world.group("memo"))
    caller = world.session(person)
    path = f"subscriptions/{person.key_id}/memo"
    view = world.ask("PUT", path, {"tools": ["echo"], "prompts": ["*"]})
    assert (view["tools"], view["resources"], view["prompts"]) == (["memo.echo"], [], ["*"])
    assert listed(caller, face) == EVERYTHING | {"resources": set(), "resourceTemplates": set()}
    world.ask("PUT", path, {})
    assert listed(caller, face) == EVERYTHING


def admin(world: World, command: str, *, code: int = 0) -> str:
    done = world.rig.admin(*shlex.split(command), expect=code)
    return done.stdout if code == 0 else done.stderr


def test_administrators_see_and_explain_every_kind(world: World) -> None:
    person = granted(world, resources=["memo://1"])
    resources = json.loads(admin(world, "mcp resources memo -o json"))
    assert {each["uri"]: each["template"] for each in resources} == {
        **{f"memo://{number}": False for number in range(3)},
        "memo://{number}": True,
    }
    (prompt,) = json.loads(admin(world, "mcp prompts memo -o json"))
    assert (prompt["name"], prompt["published_as"]) == ("memo.greet", "memo__greet")
    shown = json.loads(admin(world, "mcp show memo -o json"))
    assert (shown["resources"], shown["prompts"]) == (4, 1)
    permitted = json.loads(admin(world, f"access explain {person.name} --resource memo://1 -o json"))
    assert (permitted["allowed"], permitted["resource"], permitted["tool"]) == (True, "memo://1", None)
    assert permitted["path"][-1] == {"kind": "resource", "name": "memo://1", "ends": False}
    refused = json.loads(admin(world, f"access explain {person.name} --prompt memo.greet -o json"))
    assert refused["remedy"].startswith("Permit it: ambassador-admin grant add GROUP memo --prompt greet,")
    assert "no pattern matches the prompt" in admin(
        world, f"access explain {person.name} --prompt memo.greet"
    )
    assert person.name in admin(world, "access who-can --resource memo://1")
    assert person.name not in admin(world, "access who-can --resource memo://2")
    uris = json.loads(admin(world, f"access list {person.name} --resources -o json"))
    assert [each["uri"] for each in uris] == ["memo://1"]


def test_a_misspelt_uri_is_refused_with_near_ones(world: World) -> None:
    group = world.group()
    said = admin(world, f"grant add {group} memo --resource mem://0 --prompt gret", code=2)
    assert "'mem://0' matches no resource of MCP 'memo' today; near: 'memo://0'" in said
    assert "'gret' matches no prompt of MCP 'memo' today; near: 'greet'" in said
    added = json.loads(admin(world, f"grant add {group} memo --resource 'memo://*' -o json"))
    assert (added["tools"], added["resources"], added["prompts"]) == ([], ["memo://*"], [])


def test_cases_of_every_kind_are_tested(world: World, tmp_path: Path) -> None:
    person = granted(world, prompts=["*"])
    file = tmp_path / "cases.yaml"
    cases = [
        {"user": person.name, "prompt": "memo.greet", "expect": "permit"},
        {"user": person.name, "resource": "memo://1", "expect": "deny", "reason": "no_grant"},
        {"user": person.name, "tool": "memo.echo", "expect": "deny"},
    ]
    file.write_text(json.dumps({"cases": cases}))
    assert [row["holds"] for row in json.loads(admin(world, f"access test {file} -o json"))] == [True] * 3


def test_a_user_selects_resources_and_prompts(world: World, tmp_path: Path) -> None:
    client = Client(world, tmp_path)
    client.login(world.person(world.group("memo")))
    shown = client.run("catalog", "show", "memo").stdout
    assert "memo://{number}" in shown
    assert "memo__greet" in shown
    chosen = client.json("select", "memo", "echo", "--resource", "memo://1")
    assert (chosen["selected"], chosen["selected_resources"]) == (["memo.echo"], ["memo://1"])
    refused = {each["uri"]: each["refused"] for each in chosen["resources"]}
    assert (refused["memo://1"], refused["memo://2"]) == (None, "not_selected")
    assert [each["refused"] for each in chosen["prompts"]] == ["not_selected"]
    mistaken = client.run("select", "memo", "--resource", "mem://1", expect=1).stderr
    assert "'mem://1' matches no resource of MCP 'memo' today; near: 'memo://1'" in mistaken
    assert client.run("select", "memo", expect=2).stdout == ""
    assert client.json("subscribe", "memo", "--prompt", "*")["selected_prompts"] == ["*"]
    assert [each["tool"] for each in client.json("tools", "list")] == []


def test_an_export_of_such_grants_can_be_applied(world: World, tmp_path: Path) -> None:
    granted(world, tools=["echo"], resources=["memo://%2a", "memo://1"], prompts=[], allow_unmatched=True)
    file = tmp_path / "export.yaml"
    file.write_text(admin(world, "export"))
    assert "memo://%2A" in file.read_text()
    assert admin(world, f"diff -f {file}") == ""


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize(
    ("hidden", "absent", "requests"),
    [
        (
            "memo__greet",
            "memo__great",
            [
                ("prompts/get", {"name": "NAME"}),
                ("completion/complete", {"ref": {"type": "ref/prompt", "name": "NAME"}, "argument": {}}),
            ],
        ),
        (
            "memo://1",
            "memo://9",
            [
                ("resources/read", {"uri": "NAME"}),
                ("completion/complete", {"ref": {"type": "ref/resource", "uri": "NAME"}, "argument": {}}),
            ],
        ),
        (
            "memo://{number}",
            "nomemo://{number}",
            [("completion/complete", {"ref": {"type": "ref/resource", "uri": "NAME"}, "argument": {}})],
        ),
    ],
)
def test_what_is_hidden_answers_like_what_is_absent(
    world: World, face: Mcp, hidden: str, absent: str, requests: list[tuple[str, dict[str, Any]]]
) -> None:
    caller = world.session(granted(world, tools=["echo"]))
    for method, params in requests:
        answers = []
        for name in (hidden, absent):
            named = json.loads(json.dumps(params).replace("NAME", name))
            response = caller.send(face.request(caller.secret, method, named))
            answers.append((response.status_code, response.text.replace(name, "NAME")))
        assert answers[0] == answers[1]
        assert '"error"' in answers[0][1]
        assert "NAME" in answers[0][1]
