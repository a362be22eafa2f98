"""What the audit keeps of arguments never decides whether a call runs, whichever face it comes through."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.end_to_end.every_event import events_of
from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.world import Caller, Downstream, World, until

FOLDING = "log in with BA\u017fIC abc\u017f\u212aabcd and basic \u212a\u017f\u212a\u017f"


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


def attempts(world: World) -> list[dict[str, Any]]:
    return [event for event in events_of(world) if event["action"] == "call:tool:attempt"]


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_letters_that_fold_to_ascii_neither_fail_the_call_nor_lose_its_record(
    world: World, caller: Caller, tools: Downstream, face: Face
) -> None:
    known, arrived = len(attempts(world)), tools.count()
    answer = caller.call(face, "tools__echo", {"text": FOLDING})
    assert answer.succeeded, answer
    assert [call["arguments"] for call in tools.calls()[arrived:]] == [{"text": FOLDING}]
    (attempt,) = until(lambda: attempts(world)[known:], "the attempt is on record")
    assert attempt["details"]["arguments"] == {"text": FOLDING}
    assert "unhandled" not in world.log_text()


@pytest.mark.parametrize("number", ["1e999", "-1e400", "9" * 5000], ids=["huge", "low", "long"])
@pytest.mark.parametrize("face", FACES, ids=repr)
def test_a_number_that_the_record_cannot_hold_does_not_fail_the_call(
    world: World, caller: Caller, face: Face, number: str
) -> None:
    known = len(attempts(world))
    wire = face.call(caller.secret, "tools__echo", {"text": "hello", "n": "NUMBER"})
    response = caller.send(replace(wire, body=wire.body.replace(b'"NUMBER"', number.encode())))
    assert response.status_code == 200, response.text
    (attempt,) = until(lambda: attempts(world)[known:], "the attempt is on record")
    assert number not in json.dumps(attempt)
    assert "unhandled" not in world.log_text()


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_every_value_of_a_repeated_name_is_recorded(
    world: World, caller: Caller, tools: Downstream, face: Face
) -> None:
    known, arrived = len(attempts(world)), tools.count()
    wire = face.call(caller.secret, "tools__echo", {"text": "hello", "again": "again"})
    body = wire.body.replace(b'"again": "again"', b'"text": "hello again"')
    assert body != wire.body
    assert caller.send(replace(wire, body=body)).status_code == 200
    assert tools.count() == arrived + 1
    (attempt,) = until(lambda: attempts(world)[known:], "the attempt is on record")
    assert attempt["details"]["arguments"] == {"text": "hello", "[duplicate 2] text": "hello again"}


@pytest.mark.parametrize(
    "place", ["{data}/keys/pepper", "{data}/ambassador.db", "/proc/self/environ", "/dev/stdin"]
)
def test_no_mcp_is_given_a_file_of_the_server(world: World, place: str) -> None:
    reference = f"file://{place.format(data=world.rig.data_dir)}"
    for transport, options in (
        ("streamable_http", {"url": "https://mcp.example/", "headers": {"Authorization": reference}}),
        ("stdio", {"command": ["true"], "env": {"TOKEN": reference}}),
    ):
        body = {"name": world.fresh("greedy"), "transport": transport, "options": options}
        response = world.admin.post("/v1/admin/mcps", json=body)
        assert response.status_code in (400, 422), response.text
        assert "never given away" in response.text
