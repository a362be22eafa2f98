"""A call in flight is stopped when its session is revoked and when its key or the grant behind it expires."""

import pytest

from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import Caller, World, assert_works, until
from tests.patience import PATIENCE

SECONDS = 10
"""How long a key or grant lasts, so that a call begins before its end."""


@pytest.mark.parametrize("face", FACES, ids=str)
def test_revoking_a_session_stops_its_calls_and_no_others(world: World, face: Face) -> None:
    person = world.person()
    revoked, other = world.session(person), world.session(person)
    with slow_call(world, revoked, face) as running:
        world.ask("POST", f"sessions/{revoked.session_id}/revoke")
        answer = running.result(timeout=PATIENCE)
        assert answer.failed
        assert "session_ended" in answer.text
    denied = world.events(action="call:tool:deny", user=person.name)[0]
    assert (denied["reason"], denied["session_id"]) == ("session_ended", revoked.session_id)
    assert_works(other)


def test_a_call_ends_when_its_key_expires(world: World) -> None:
    person = world.person(lasts=SECONDS)
    caller = world.session(person)
    with slow_call(world, caller, LEGACY) as running:
        answer = running.result(timeout=PATIENCE)
    assert answer.failed
    assert "key_expired" in answer.text


def test_a_call_ends_when_its_grant_expires(world: World) -> None:
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "expires_in_seconds": SECONDS})
    person = world.person(group)
    caller: Caller = world.session(person)
    with slow_call(world, caller, LEGACY) as running:
        assert running.result(timeout=PATIENCE).failed
    until(lambda: bool(world.events(action="call:tool:deny", user=person.name)), "the denial is recorded")
    assert world.events(action="call:tool:deny", user=person.name)[0]["reason"] == "no_grant"
