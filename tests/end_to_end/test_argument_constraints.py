"""A grant with constraints permits a call only with certain arguments, on every face and through the client."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, MODERN, REST, Face
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import (
    Caller,
    Downstream,
    World,
    assert_nothing_internal,
    downstream,
    running,
    until,
)
from tests.patience import PATIENCE
from tests.rig import Rig

SECRET = "evil/s3cret-value"
RULE = {"text": {"pattern": "^acme/"}}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Downstream]:
    with downstream(tmp_path_factory.mktemp("downstream")) as found:
        yield found


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, behind: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("far", "streamable_http", {"url": behind.url})
        yield started


def constrained(world: World, constraints: dict[str, Any], **more: Any) -> tuple[str, str]:
    """Return the name of a group with one constrained grant, and the id of the grant."""
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    body = {"group": group, "mcp": "far", "constraints": constraints, **more}
    return group, world.ask("POST", "grants", body)["id"]


def test_arguments_decide_on_every_face_and_a_refused_call_never_arrives(
    world: World, behind: Downstream
) -> None:
    group, grant_id = constrained(world, RULE)
    person = world.person(group)
    caller = world.session(person)
    for face in FACES:
        arrived = behind.from_here()
        assert "far__echo" in caller.names(face)
        assert caller.call(face, "far__echo", {"text": "acme/x"}).text == "acme/x"
        assert arrived.count() == 1
        for arguments, words in (
            ({"text": SECRET}, ('"text" is not permitted by the rule pattern "^acme/"',)),
            ({}, ('"text" is missing',)),
            ({"text": ["acme/x"]}, ("type",)),
            ({"text": "acme/x", "TEXT": SECRET}, ("given twice",)),
        ):
            refused = caller.call(face, "far__echo", arguments)
            assert refused.failed, (face, refused)
            assert all(word in refused.text for word in (*words, "argument_not_allowed")), refused
            assert SECRET not in json.dumps(refused.body)
            assert_nothing_internal(json.dumps(refused.body))
        assert arrived.count() == 1
    found = world.events(action="call:tool:deny", actor=person.name)
    assert len(found) == 4 * len(FACES)
    assert {event["reason"] for event in found} == {"argument_not_allowed"}
    assert {(event["details"]["grant"], event["details"]["argument"]) for event in found} >= {
        (grant_id, "text")
    }
    assert 'pattern "^acme/"' in {event["details"]["rule"] for event in found}
    assert SECRET not in json.dumps(found)


def raw_call(caller: Caller, modern: bool, params: bytes) -> str:
    """Send params as they are written."""
    face = MODERN if modern else next(each for each in FACES if repr(each) == "legacy")
    wire = face.call(caller.secret, "far__echo", {"text": "acme/x"})
    body = wire.body.replace(b'"arguments": {"text": "acme/x"}', params)
    assert body != wire.body
    response = caller.http.request(wire.method, wire.path, headers=wire.headers, content=body)
    return response.text


def test_names_given_twice_are_refused_as_they_are_written(world: World, behind: Downstream) -> None:
    group, _ = constrained(world, RULE)
    caller = world.session(world.person(group))
    arrived = behind.from_here()
    for params in (
        b'"arguments": {"text": "acme/x", "text": "evil"}',
        b'"arguments": {"text": "evil", "t\\u0065xt": "acme/x"}',
    ):
        for modern in (False, True):
            text = raw_call(caller, modern, params)
            assert "argument_not_allowed" in text, text
    invoked = caller.http.post(
        "/v1/tools/invoke",
        headers={"X-Session-Token": caller.secret, "Content-Type": "application/json"},
        content=b'{"tool":"far__echo","arguments":{"text":"acme/x","text":"evil"}}',
    )
    assert "argument_not_allowed" in invoked.text
    assert arrived.count() == 0


def test_arguments_that_a_transform_adds_are_checked_as_well(world: World, behind: Downstream) -> None:
    for text, permitted in (("acme/x", True), ("evil", False)):
        name = world.fresh("edited")
        transforms = {"echo": {"default_arguments": {"text": text}}}
        world.publish(name, "streamable_http", {"url": behind.url}, transforms=transforms)
        group = world.fresh("group")
        world.ask("POST", "groups", {"name": group})
        world.ask("POST", "grants", {"group": group, "mcp": name, "constraints": RULE})
        person = world.person(group)
        caller, arrived = world.session(person), behind.from_here()
        for face in FACES:
            assert caller.call(face, f"{name}__echo", {}).succeeded is permitted
            assert caller.call(face, f"{name}__echo", {"text": "evil"}).failed
        assert arrived.count() == (len(FACES) if permitted else 0)
        explained = world.rig.admin_json("access", "explain", person.name, f"{name}.echo", "--args", "{}")
        assert explained["allowed"] is permitted


def test_changed_constraints_are_in_force_with_the_next_call(world: World) -> None:
    group, grant_id = constrained(world, RULE)
    caller = world.session(world.person(group))
    assert caller.call(REST, "far__echo", {"text": "other/x"}).failed
    world.rig.admin("grant", "update", grant_id, "--when", "text=other/*")
    assert caller.call(REST, "far__echo", {"text": "other/x"}).succeeded
    assert caller.call(REST, "far__echo", {"text": "acme/x"}).failed
    world.rig.admin("grant", "update", grant_id, "--no-constraints")
    assert caller.call(REST, "far__echo", {"text": "anything"}).succeeded
    assert world.rig.admin_json("grant", "show", grant_id)["constraints"] is None


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_a_running_call_is_stopped_when_its_arguments_are_no_longer_permitted(
    world: World, face: Face
) -> None:
    group, grant_id = constrained(world, {"text": {"enum": ["slow", "other"]}})
    person = world.person(group)
    with slow_call(world, world.session(person), face, "far__slow") as running:
        # Constraints that permit the call as well do not stop it.
        world.rig.admin("grant", "update", grant_id, "--when", "text=s*")
        assert not running.done()
        world.rig.admin("grant", "update", grant_id, "--when", "text=acme/*")
        answer = running.result(timeout=PATIENCE)
    assert answer.failed
    assert "argument_not_allowed" in answer.text
    assert '"text" is not permitted by the rule pattern' in answer.text
    denied = world.events(action="call:tool:deny", actor=person.name)[0]
    assert (denied["details"]["grant"], denied["details"]["argument"]) == (grant_id, "text")


def test_the_first_constraint_of_a_grant_stops_a_call_that_the_client_runs(world: World) -> None:
    group = world.group("far")
    (grant,) = world.rig.admin_json("grant", "list", "--filter", f"group={group}")
    client = world.rig.client_environment(world.person(group).key)
    known = len(world.events(action="call:tool:attempt", resource="far.slow"))
    with ThreadPoolExecutor(1) as thread:
        words = ("call", "far__slow", "--json", '{"seconds":600,"text":"x"}')
        running = thread.submit(world.rig.run, "ambassador-client", *words, env=client, expect=4)
        until(
            lambda: len(world.events(action="call:tool:attempt", resource="far.slow")) > known,
            "the call is in flight",
        )
        world.rig.admin("grant", "update", grant["id"], "--when", "text=y")
        done = running.result(timeout=PATIENCE)
    assert "argument_not_allowed" in done.stdout + done.stderr


def test_the_client_is_refused_as_well(world: World, behind: Downstream) -> None:
    group, _ = constrained(world, RULE)
    person = world.person(group)
    environment = world.rig.client_environment(person.key)
    arrived = behind.from_here()

    def call(text: str, expect: int) -> Any:
        return world.rig.run(
            "ambassador-client", "call", "far__echo", f"text={text}", env=environment, expect=expect
        )

    assert "acme/x" in call("acme/x", 0).stdout
    refused = call(SECRET, 4)
    assert "argument_not_allowed" in refused.stdout + refused.stderr
    assert arrived.count() == 1


def test_administrators_see_who_may_do_what(world: World, tmp_path: Path) -> None:
    group, grant_id = constrained(world, RULE)
    person, rig = world.person(group), world.rig
    explained = rig.admin_json("access", "explain", person.name, "far.echo")
    assert (explained["allowed"], explained["constrained"]) == (True, True)
    assert '{"text":{"pattern":"^acme/"}}' in json.dumps(explained["rules"]).replace("\\", "")
    for text, allowed in (("acme/x", True), ("evil", False)):
        explained = rig.admin_json(
            "access", "explain", person.name, "far.echo", "--args", json.dumps({"text": text})
        )
        assert (explained["allowed"], explained["constrained"]) == (allowed, False)
    assert explained["reason"] == "argument_not_allowed"
    assert grant_id in explained["remedy"]
    assert explained["path"][-1]["kind"] == "grant"
    (who,) = rig.admin_json("access", "who-can", "far.echo", "--filter", f"name={person.name}")
    assert who["constrained"]
    listed = rig.admin_json("access", "list", person.name)
    assert {each["constrained"] for each in listed} == {True}
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        f"cases:\n"
        f"- {{user: {person.name}, tool: far.echo, arguments: {{text: acme/x}}, expect: permit}}\n"
        f"- {{user: {person.name}, tool: far.echo, arguments: {{text: evil}}, expect: deny, "
        f"reason: argument_not_allowed}}\n"
    )
    results = rig.admin_json("access", "test", str(cases))
    assert [each["holds"] for each in results] == [True, True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--constraints", '{"text":{"patern":"x"}}'), "near: 'pattern'"),
        (("--constraints", '{"text":{"pattern":"(?=x)"}}'), "look-around"),
        (("--constraints", '{"text":'), "is not JSON"),
        (("--constraints", "/nowhere/rules.yaml"), "Cannot read"),
        (("--when", "text"), "is no condition"),
        (("--when", "n<=many"), "does not compare"),
        (("--when", "n<=1", "--constraints", "{}"), "exclude each other"),
        (("--deny", "--when", "text=a"), "Only a permit"),
    ],
)
def test_constraints_that_cannot_work_are_refused(world: World, options: tuple[str, ...], words: str) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    done = world.rig.admin("grant", "add", group, "far", *options, expect=2)
    assert words in done.stderr


def test_files_carry_constraints(world: World, tmp_path: Path) -> None:
    group = world.fresh("group")
    file = tmp_path / "grants.yaml"

    def apply(constraints: str) -> str:
        file.write_text(
            f"owner: {group}\ngroups: [{{name: {group}}}]\n"
            f"grants:\n- {{group: {group}, mcp: far, tools: ['*']{constraints}}}\n"
        )
        return world.rig.admin("apply", "-f", str(file)).stdout

    def stored() -> Any:
        (grant,) = world.rig.admin_json("grant", "list", "--filter", f"group={group}")
        return grant["constraints"]

    apply(", constraints: {text: {pattern: ^acme/}}")
    assert stored() == RULE
    world.rig.admin("diff", "-f", str(file))
    exported = world.rig.admin("export", "--owner", group).stdout
    assert "pattern: ^acme/" in exported
    apply(", constraints: {text: {pattern: ^b}}")
    assert stored() == {"text": {"pattern": "^b"}}
    apply("")
    assert stored() is None
