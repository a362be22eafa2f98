"""A change of a user's or key's status applies to the next call of an open session."""

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.world import (
    Caller,
    Downstream,
    World,
    assert_nothing_internal,
    assert_refused,
    assert_works,
    until,
)

UNKNOWN = "Unknown tool: tools__echo"


@pytest.fixture(autouse=True)
def _no_refused_call_arrives(tools: Downstream) -> Iterator[None]:
    yield
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "must not run"]


def test_suspended_user_is_refused_until_activated(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    assert_works(caller)
    world.ask("PATCH", f"users/{person.name}", {"status": "suspended"})
    assert_refused(caller, "user_not_active")
    assert_no_new_session(world, person.key)
    world.ask("PATCH", f"users/{person.name}", {"status": "active"})
    assert_works(caller)
    assert world.register(person.key).status_code == 201


def test_deactivated_user_is_refused(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    world.ask("PATCH", f"users/{person.name}", {"status": "deactivated"})
    assert_refused(caller, "user_not_active")
    assert_no_new_session(world, person.key)


def test_revoked_key_is_refused_and_another_key_of_the_user_stays_valid(world: World) -> None:
    person = world.person()
    other = world.ask("POST", "keys", {"user": person.name, "name": "desktop"})["preshared_key"]
    caller = world.session(person)
    assert_works(caller)
    world.ask("POST", f"keys/{person.key_id}/revoke")
    assert_refused(caller, "key_not_active")
    assert_no_new_session(world, person.key)
    assert_works(Caller(world.http, other))


def test_expired_key_is_refused_in_an_open_session(world: World) -> None:
    person = world.person(lasts=2)
    caller = world.session(person)
    until(lambda: caller.call(LEGACY, "tools__echo").failed, "the key expires")
    assert_refused(caller, "key_expired")
    assert_no_new_session(world, person.key)


def test_removed_membership_makes_the_tool_unknown_until_it_is_added_again(world: World) -> None:
    group = world.group("tools")
    person = world.person(group)
    caller = world.session(person)
    assert_works(caller)
    world.ask("DELETE", f"groups/{group}/members/{person.name}")
    assert_refused(caller, UNKNOWN)
    world.ask("PUT", f"groups/{group}/members/{person.name}")
    assert_works(caller)


def test_removed_grant_makes_the_tool_unknown_until_it_is_added_again(world: World) -> None:
    group = world.group()
    grant = world.ask("POST", "grants", {"group": group, "mcp": "tools", "tools": ["echo"]})
    caller = world.session(world.person(group))
    assert_works(caller)
    assert_refused(caller, "Unknown tool: tools__params", tool="tools__params")
    world.ask("DELETE", f"grants/{grant['id']}")
    assert_refused(caller, UNKNOWN)
    world.ask("POST", "grants", {"group": group, "mcp": "tools"})
    assert_works(caller)


def test_denying_grant_wins_at_once(world: World) -> None:
    group = world.group("tools")
    caller = world.session(world.person(group))
    assert_works(caller)
    denial = {"group": group, "mcp": "tools", "tools": ["ech*"], "effect": "deny"}
    grant = world.ask("POST", "grants", denial)
    assert_refused(caller, UNKNOWN)
    world.ask("DELETE", f"grants/{grant['id']}")
    assert_works(caller)


def test_grant_ends_at_its_expiry(world: World) -> None:
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "expires_in_seconds": 1})
    caller = world.session(world.person(group))
    until(lambda: caller.call(LEGACY, "tools__echo").failed, "the grant expires")
    assert_refused(caller, UNKNOWN)


def test_refused_call_looks_like_a_call_of_a_tool_that_does_not_exist(world: World) -> None:
    caller = world.session(world.person(world.group()))
    for face in FACES:
        denied = caller.call(face, "tools__echo")
        unknown = caller.call(face, "tools__none")
        assert _comparable(denied.body, "tools__echo") == _comparable(unknown.body, "tools__none"), face
        assert denied.status == unknown.status


def test_change_of_one_user_does_not_affect_others(world: World) -> None:
    person, bystander = world.person(), world.caller()
    world.ask("PATCH", f"users/{person.name}", {"status": "suspended"})
    assert_works(bystander)


def test_every_refusal_is_recorded_with_its_reason(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    world.ask("POST", f"keys/{person.key_id}/revoke")
    for face in FACES:
        assert caller.call(face, "tools__echo", {"text": "must not run"}).failed
    events = world.events(actor=person.name, action="call:tool:deny")
    assert [(event["resource"]["name"], event["reason"]) for event in events] == [
        ("tools.echo", "key_not_active")
    ] * len(FACES)
    assert {event["session_id"] for event in events} == {caller.session_id}


def assert_no_new_session(world: World, key: str) -> None:
    refused = world.register(key)
    assert refused.status_code == 401
    assert refused.json()["error"] == "invalid_credentials"
    assert_nothing_internal(refused.text)


def _comparable(body: dict[str, object], tool: str) -> str:
    kept = {name: value for name, value in body.items() if name not in ("request_id", "timestamp")}
    return json.dumps(kept).replace(tool, "TOOL")
