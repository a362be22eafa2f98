"""Opt-in tools reach only subscribed clients, and a client's selection narrows its tools."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Caller, Downstream, Person, World, assert_refused, assert_works

PARAMS = "tools__params"
ECHO = "tools__echo"


@pytest.fixture(autouse=True)
def _no_refused_call_arrives(tools: Downstream) -> Iterator[None]:
    yield
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "must not run"]


def opted_in(world: World, *patterns: str) -> Person:
    """Return a user with an opt-in grant for these tools."""
    group = world.group()
    world.ask(
        "PUT",
        "grants",
        {"group": group, "mcp": "tools", "tools": patterns or ["*"], "delivery": "opt_in"},
    )
    return world.person(group)


def select(world: World, person: Person, *patterns: str) -> Any:
    """Subscribe the user's client key."""
    return world.ask("PUT", f"subscriptions/{person.key_id}/tools", {"tools": patterns} if patterns else {})


def unsubscribe(world: World, person: Person) -> None:
    """Take the choice back."""
    world.ask("DELETE", f"subscriptions/{person.key_id}/tools")


def test_opt_in_tools_are_available_only_while_subscribed(world: World) -> None:
    person = opted_in(world)
    caller = world.session(person)
    assert_refused(caller, "not_subscribed")
    view = select(world, person)
    assert (view["user"], view["key"], view["key_id"]) == (person.name, "laptop", person.key_id)
    assert (view["mcp"], view["tools"]) == ("tools", ["*"])
    assert_works(caller)
    unsubscribe(world, person)
    assert_refused(caller, "not_subscribed")


def test_selection_applies_to_the_next_call(world: World) -> None:
    person = opted_in(world)
    caller = world.session(person)
    assert select(world, person, "echo")["tools"] == ["tools.echo"]
    assert_works(caller)
    assert_refused(caller, "not_selected", tool=PARAMS)
    select(world, person, "par*")
    assert_works_too(caller)
    assert_refused(caller, "not_selected")
    select(world, person)
    assert_works(caller)


def test_selection_narrows_automatic_tools_until_it_is_removed(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    select(world, person, "params")
    assert_works_too(caller)
    assert_refused(caller, "not_selected")
    world.ask("PUT", f"subscriptions/{person.key_id}/tools", {"tools": []})
    assert_refused(caller, "not_selected", tool=PARAMS)
    unsubscribe(world, person)
    assert_works(caller)


def test_subscription_gives_nothing_that_no_grant_permits(world: World) -> None:
    stranger = world.person(world.group())
    select(world, stranger)
    assert_refused(world.session(stranger), "Unknown tool")
    person = opted_in(world, "params")
    select(world, person)
    caller = world.session(person)
    assert_works_too(caller)
    assert_refused(caller, "Unknown tool")


def test_denying_grant_wins_over_a_subscription(world: World) -> None:
    group = world.group()
    world.ask("PUT", "grants", {"group": group, "mcp": "tools", "delivery": "opt_in"})
    person = world.person(group)
    select(world, person)
    caller = world.session(person)
    assert_works(caller)
    world.ask("PUT", "grants", {"group": group, "mcp": "tools", "tools": ["echo"], "effect": "deny"})
    assert_refused(caller, "Unknown tool")
    assert_works_too(caller)


def test_subscription_applies_to_one_client_key(world: World) -> None:
    person = opted_in(world)
    other = world.ask("POST", "keys", {"user": person.name, "name": "desktop"})
    select(world, person)
    assert_works(world.session(person))
    assert_refused(Caller(world.http, other["preshared_key"]), "not_subscribed")


def test_remedy_of_the_explanation_is_a_command_that_works(world: World) -> None:
    person = opted_in(world, "e*", "params")
    caller = world.session(person)
    for tool in ("tools.echo", "tools.params"):
        remedy = explain(world, person, tool)["remedy"]
        run(world, remedy)
        explained = explain(world, person, tool)
        assert explained["allowed"] is True, explained
        world.ask(
            "PUT",
            f"subscriptions/{person.key_id}/tools",
            {"tools": ["noth*", "none"], "allow_unmatched": True},
        )
        explained = explain(world, person, tool)
        assert explained["reason"] == "not_selected"
        run(world, explained["remedy"])
        assert explain(world, person, tool)["allowed"] is True
        (kept,) = world.ask("GET", f"subscriptions?filter=key_id={person.key_id}")["items"]
        assert kept["tools"] == sorted([tool, "tools.noth*", "tools.none"])
        unsubscribe(world, person)
    assert_refused(caller, "not_subscribed")


def test_the_commands_set_list_and_remove(world: World) -> None:
    person = opted_in(world)
    beginning = person.key_id[:13]
    chosen = world.rig.admin_json("subscription", "set", beginning, "tools", "--tool", "echo")
    assert chosen["tools"] == ["tools.echo"]
    assert chosen.pop("warnings") == []
    for wanted in (f"user={person.name}", f"key_id={person.key_id}"):
        assert world.rig.admin_json("subscription", "list", "--filter", wanted) == [chosen]
    world.rig.admin("subscription", "remove", beginning, "tools", "--yes")
    assert world.rig.admin("subscription", "remove", beginning, "tools", "--yes", expect=5).stdout == ""


def test_setting_again_changes_nothing_and_everything_else_is_recorded(world: World) -> None:
    person = opted_in(world)
    path = f"/v1/admin/subscriptions/{person.key_id}/tools"
    first = world.admin.put(path, json={"tools": ["echo", "params"]})
    again = world.admin.put(path, json={"tools": ["tools.params", "tools.echo", "echo"]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    select(world, person, "echo")
    unsubscribe(world, person)
    found = [
        event
        for event in world.events(action="admin:subscription:*")
        if event["details"].get("key") == person.key_id
    ]
    assert [event["action"].rpartition(":")[2] for event in reversed(found)] == ["set", "set", "remove"]
    assert {event["details"]["mcp"] for event in found} == {"tools"}
    assert found[1]["details"]["after"] == {"tools": ["tools.echo"]}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("{key}/nothing", {}, 404),
        ("no-such-key/tools", {}, 404),
        ("{key}/tools", {"tools": ["a b"]}, 400),
        ("{key}/tools", {"tools": ["t"] * 101}, 400),
        ("{key}/tools", {"tool": ["t"]}, 400),
        ("{key}/tools", {"tools": "echo"}, 400),
    ],
)
def test_invalid_selection_is_refused(world: World, path: str, body: Any, status: int) -> None:
    person = world.person()
    refused = world.admin.put(f"/v1/admin/subscriptions/{path.format(key=person.key_id)}", json=body)
    assert refused.status_code == status, refused.text
    assert_works(world.session(person))


def assert_works_too(caller: Caller) -> None:
    """Assert that the other tool is listed and answers on every face."""
    for face in FACES:
        assert PARAMS in caller.names(face), face
        answer = caller.call(face, PARAMS)
        assert answer.succeeded, (face, answer)


def explain(world: World, person: Person, tool: str) -> Any:
    """Ask for the explanation of a decision."""
    return world.rig.admin_json("access", "explain", person.name, tool)


def run(world: World, remedy: str) -> None:
    """Run the command that a remedy names."""
    program, *words = shlex.split(remedy.partition(": ")[2])
    assert program == "ambassador-admin"
    world.rig.admin(*words)


def test_selection_that_matches_nothing_is_refused_unless_the_administrator_allows_it(world: World) -> None:
    person = opted_in(world)
    patterns = [flag for pattern in ("echo", "ecko", "tools__*") for flag in ("--tool", pattern)]
    command = ("subscription", "set", person.key_id, "tools", *patterns)
    refused = world.rig.admin(*command, expect=2)
    run = world.rig.admin(*command, "--allow-unmatched", "-o", "json")
    shown = json.loads(run.stdout)
    assert shown["tools"] == ["tools.echo", "tools.ecko", "tools.tools__*"]
    assert len(shown["warnings"]) == 2
    for warning in shown["warnings"]:
        assert warning in run.stderr.replace("\n", " ")
    for said in (refused.stderr, run.stderr):
        assert "near: 'echo'" in said
        assert "patterns are written without it: '*'" in said
    assert select(world, person, "ech*")["warnings"] == []
    assert select(world, person)["warnings"] == []


def test_selection_that_matches_nothing_is_refused_and_names_no_hidden_tool(world: World) -> None:
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "tools": ["echo", "params"]})
    person = world.person(group)
    patterns = ["echo", "slow", "no-such", "other__*", "p*"]

    def put(body: dict[str, Any]) -> httpx.Response:
        key = {"Authorization": f"Bearer {person.key}"}
        return world.http.put("/v1/me/subscriptions/tools", headers=key, json=body)

    refused = put({"tools": patterns})
    assert refused.status_code == 400, refused.text
    for pattern in ("slow", "no-such", "other__*"):
        assert f"'{pattern}' matches no tool of MCP 'tools' today." in refused.json()["message"]
    answer = put({"tools": patterns, "allow_unmatched": True})
    assert answer.status_code == 200, answer.text
    warnings = answer.json()["warnings"]
    # `slow` exists, but is not granted: the answer is the same as for a tool that does not exist.
    about = [each.split("'")[1] for each in warnings]
    assert about == ["no-such", "other__*", "slow"]
    assert len({each.replace(pattern, "") for each, pattern in zip(warnings, about, strict=True)}) == 1
