"""A key that opens too many sessions keeps the newest ones, on every face and after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Downstream, World, assert_works, running
from tests.rig import Rig

LIMIT = 4


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that permits few sessions per key."""
    with running(directory, prepared, limits=GENEROUS, session={"per_key": LIMIT}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def test_oldest_session_of_a_key_ends_without_effect_on_other_keys(world: World) -> None:
    other, person = world.caller(), world.person()
    callers = [world.session(person) for _ in range(LIMIT + 2)]
    ended, open_ = callers[:2], callers[2:]

    def look() -> None:
        for face in FACES:
            assert [each.call(face, "tools__echo", {"text": "x"}).status for each in ended] == [401, 401], (
                face
            )
        for each in (other, *open_):
            assert_works(each)

    look()
    assert {each["id"] for each in world.ask("GET", f"sessions?user={person.name}")["items"]} == {
        each.session_id for each in open_
    }
    closed = world.events(action="session:client:close", user=person.name)
    assert {each["details"]["reason"] for each in closed} == {"too many sessions of this key"}
    assert {each["session_id"] for each in closed} == {each.session_id for each in ended}
    world.restart()
    look()


def test_key_that_is_presented_with_every_request_opens_no_session(world: World) -> None:
    person = world.person()
    session = world.session(person)
    for face in FACES[:2]:
        for _ in range(LIMIT + 1):
            wire = face.call(person.key, "tools__echo", {"text": "x"})
            assert face.read(200, session.send(wire).content).text == "x"
    assert_works(session)
    assert len(world.ask("GET", f"sessions?user={person.name}")["items"]) == 1
