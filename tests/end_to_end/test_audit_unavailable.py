"""The server refuses what it cannot record, and continues without a restart when the log can be written again."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, REST
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, assert_works, until
from tests.patience import PATIENCE

AUDIT_UNAVAILABLE = -31006


@contextmanager
def broken_log(world: World) -> Iterator[None]:
    """Replace the directory of the log by a file, as a failed mount would."""
    place = world.rig.data_dir / "audit" / "main"
    away = place.with_name("away")
    place.rename(away)
    place.write_text("not a directory")
    try:
        until(lambda: not checks(world)["audit_log"], "the server notices")
        yield
    finally:
        place.unlink()
        away.rename(place)
    until(lambda: world.http.get("/ready").status_code == 200, "the log is back")


def checks(world: World) -> dict[str, bool]:
    found: dict[str, bool] = world.http.get("/ready").json()["checks"]
    return found


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


def test_calls_are_refused_while_the_log_is_unavailable_and_served_afterwards(
    world: World, caller: Caller, tools: Downstream
) -> None:
    assert_works(caller)
    with broken_log(world):
        arrived = tools.count()
        for client in (world.http, world.admin):
            ready = client.get("/ready")
            assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
            assert [name for name, holds in ready.json()["checks"].items() if not holds] == ["audit_log"]
            assert client.get("/live").status_code == 200
        for face in FACES:
            answer = caller.call(face, "tools__echo", {"text": "unrecorded"})
            assert answer.failed
            assert_nothing_internal(json.dumps(answer.body))
            assert (answer.status, answer.code) == ((503, None) if face is REST else (200, AUDIT_UNAVAILABLE))
            if face is REST:
                assert answer.body["error"] == "audit_unavailable"
        assert tools.count() == arrived
    assert_works(caller)


def test_refusals_also_need_the_log(world: World, caller: Caller) -> None:
    with broken_log(world):
        for face in MCP_FACES:
            assert caller.call(face, "tools__nothing").code == AUDIT_UNAVAILABLE


def test_logins_and_sessions_need_the_log(world: World) -> None:
    person = world.person()
    with broken_log(world):
        refused = world.register(person.key)
        assert refused.status_code == 503
        assert refused.json()["error"] == "audit_unavailable"
        assert_nothing_internal(refused.text)
        assert world.register("amb_pk_" + "A" * 48).status_code in (401, 503)
    assert world.register(person.key).status_code == 201


def test_changes_of_administrators_need_the_log(world: World, caller: Caller) -> None:
    with broken_log(world):
        for path, body in {
            "users": {"name": "unrecorded"},
            "groups": {"name": "unrecorded"},
            "kill-switches": {"scope": "everyone", "reason": "unrecorded"},
        }.items():
            refused = world.admin.post(f"/v1/admin/{path}", json=body)
            assert refused.status_code == 503, path
            assert refused.json()["error"] == "audit_unavailable"
            assert_nothing_internal(refused.text)
        assert world.admin.get("/v1/admin/users/unrecorded").status_code == 404
    assert world.admin.get("/v1/admin/users/unrecorded").status_code == 404
    assert world.admin.get("/v1/admin/groups/unrecorded").status_code == 404
    assert_works(caller)


def test_lists_are_still_answered(world: World, caller: Caller) -> None:
    with broken_log(world):
        for face in FACES:
            assert "tools__echo" in caller.names(face)


def test_call_that_ran_before_the_log_broke_is_still_answered(
    world: World, caller: Caller, tools: Downstream
) -> None:
    """The tool has run already: without the answer the caller would run it again."""
    arrived = tools.count()
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(caller.call, LEGACY, "tools__slow", {"seconds": 1})
        until(lambda: tools.count() > arrived, "the call is downstream")
        with broken_log(world):
            assert slow.result(timeout=PATIENCE).text == "awake"


def test_recorded_events_remain_and_the_chain_is_intact(world: World, caller: Caller) -> None:
    with broken_log(world):
        assert caller.call(LEGACY, "tools__echo", {"text": "unrecorded"}).failed
    assert caller.call(LEGACY, "tools__echo", {"text": "recorded"}).succeeded
    # A sync that began while the log was broken can still fail now, and what is not durable is not in the index yet.
    until(lambda: bool(world.events(action="system:audit-log:recovery")), "the recovery is in the index")
    recovery = world.events(action="system:audit-log:recovery")[0]
    assert recovery["details"]["refused"] >= 1
    assert "unrecorded" not in json.dumps(world.events(action="call:tool:attempt"))
    sequence = [event["seq"] for event in world.events() if event["writer"] == "main"]
    assert sequence == sorted(sequence, reverse=True)
    assert len(sequence) == len(set(sequence))
    checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
    assert "every chain is intact" in checked.stdout
