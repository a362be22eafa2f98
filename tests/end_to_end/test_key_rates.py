"""A key that calls or registers too fast is told to wait, on every face, and cannot flood the audit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, REST
from tests.end_to_end.world import Downstream, World, assert_works, running
from tests.rig import Rig

ALLOWED = 6


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    limits = {"calls_per_minute": ALLOWED, "sessions_per_minute": ALLOWED, "audit_bytes_per_minute": 65536}
    with running(directory, prepared, limits=limits) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def test_calls_of_a_key_are_bounded_on_every_face(world: World, tools: Downstream) -> None:
    person = world.person()
    caller, other_session = world.session(person), world.session(person)
    before = tools.count()
    while not caller.call(LEGACY, "tools__echo", {"text": "hello"}).failed:
        assert tools.count() - before <= ALLOWED + 1
    ran = tools.count() - before
    for each in (caller, other_session):
        for face in MCP_FACES:
            answer = each.call(face, "tools__echo", {"text": "must not run"})
            data = answer.body["error"]["data"]
            assert (answer.code, data["reason"]) == (-31008, "rate_limited")
            assert 1 <= data["retryAfterSeconds"] <= 60
        refused = each.send(REST.call(each.secret, "tools__echo", {"text": "must not run"}))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert "try again in" in refused.json()["message"]
    assert tools.count() - before == ran
    assert_works(world.caller())


def test_refusals_are_recorded_once(world: World) -> None:
    caller = world.caller()
    failed = [caller.call(FACES[0], "tools__echo", {"text": "hello"}).failed for _ in range(40)]
    assert sum(failed) >= 40 - ALLOWED - 2
    recorded = [
        event for event in world.events(reason="rate_limited") if event["session_id"] == caller.session_id
    ]
    assert [event["action"] for event in recorded] == ["call:tool:deny"]
    assert recorded[0]["details"] == {"refusals": 1}


def test_large_arguments_are_paid_for(world: World) -> None:
    caller = world.caller()
    assert caller.call(LEGACY, "tools__echo", {"text": "x" * 200_000}).succeeded
    assert "calls too fast" in caller.call(LEGACY, "tools__echo", {"text": "hello"}).text


def test_sessions_of_a_key_are_bounded(world: World) -> None:
    person = world.person()
    answers = [world.register(person.key) for _ in range(ALLOWED + 3)]
    assert [each.status_code for each in answers[:ALLOWED]] == [201] * ALLOWED
    refused = answers[-1]
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert world.register(world.person().key).status_code == 201
