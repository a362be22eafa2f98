"""With isolation `per_user` each user has a separate process; administrators see and restart all of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, Face
from tests.end_to_end.world import Caller, World, end, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig
from tests.server.downstream.support import is_alive


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with a `per_user` MCP; a user may have two connections."""
    caps = {"idle_seconds": 600, "per_user": 2}
    with running(directory, prepared, limits=GENEROUS, user_connections=caps) as started:
        started.publish("own", "stdio", stdio_options(), isolation="per_user")
        yield started


def process(caller: Caller, face: Face = LEGACY, mcp: str = "own") -> int:
    answer = caller.call(face, f"{mcp}__process")
    assert answer.succeeded, answer
    return int(answer.text.split()[0])


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_each_user_has_one_process_for_all_keys_and_sessions(world: World, face: Face) -> None:
    alice, bob = world.person(), world.caller()
    first, second = world.session(alice), world.session(alice)
    assert process(first, face) == process(second, face) != process(bob, face)


def test_crash_affects_only_its_own_user(world: World) -> None:
    alice, bob = world.caller(), world.caller()
    before = process(bob)
    lost = process(alice)
    assert alice.call(LEGACY, "own__crash").failed
    assert process(bob) == before
    until(lambda: alice.call(LEGACY, "own__echo", {"text": "x"}).succeeded, "another process has started")
    assert process(alice) not in (lost, before)
    assert world.ask("GET", "mcps/own")["state"] == "ready"


def test_connection_limit_of_a_user_counts_all_mcps(world: World) -> None:
    for name in ("own2", "own3"):
        world.publish(name, "stdio", stdio_options(), isolation="per_user")
    alice = world.caller()
    pids = [process(alice, mcp=name) for name in ("own", "own2", "own3")]
    assert [is_alive(pid) for pid in pids] == [False, True, True]


def test_a_suspended_user_loses_the_process(world: World) -> None:
    person = world.person()
    pid = process(world.session(person))
    world.ask("PATCH", f"users/{person.name}", {"status": "suspended"})
    until(lambda: not is_alive(pid), "the process of a suspended user has gone")


def test_restart_ends_every_process_and_is_recorded(world: World) -> None:
    alice, bob = world.caller(), world.caller()
    before = {process(alice), process(bob)}
    assert json.loads(world.rig.admin("mcp", "restart", "own", "-o", "json").stdout)["name"] == "own"
    assert not {process(alice), process(bob)} & before
    until(lambda: not any(map(is_alive, before)), "the old processes have gone")
    event = world.events(action="admin:mcp:restart")[0]
    assert (event["outcome"], event["resource"]["name"]) == ("succeeded", "own")
    assert event["actor"]["kind"] == "admin"


def test_only_published_mcps_are_restarted(world: World) -> None:
    world.offer("sketch", "stdio", stdio_options())
    world.rig.admin("mcp", "restart", "sketch", expect=6)
    world.rig.admin("mcp", "restart", "nothing", expect=5)
    assert [event["resource"]["name"] for event in world.events(action="admin:mcp:restart")].count(
        "sketch"
    ) == 0


def test_status_counts_connections_calls_and_restarts(world: World) -> None:
    world.publish("counted", "stdio", stdio_options(), isolation="per_user")
    alice = world.caller()
    process(alice, mcp="counted")
    shown = world.rig.admin_json("mcp", "status", "counted")
    assert (shown["connections"], shown["calls_in_flight"], shown["restarts"]) == (2, 0, 0)
    assert shown["isolation"] == "per_user"
    alice.call(LEGACY, "counted__crash")
    until(lambda: world.ask("GET", "mcps/counted")["restarts"] == 1, "the crash is counted")
    names = [item["name"] for item in world.rig.admin_json("mcp", "status")]
    assert {"own", "counted"} <= set(names)
    assert "per_user" in world.rig.admin("mcp", "show", "counted").stdout


def test_logs_show_each_line_with_its_user(world: World) -> None:
    person = world.person()
    world.session(person).call(LEGACY, "own__garbage")
    lines = world.rig.admin_json("mcp", "logs", "own")
    assert {"user": person.name, "text": "Listening on port 1234"} in lines
    last = [
        line for line in world.rig.admin_json("mcp", "logs", "own", "-n", "1") if line["user"] == person.name
    ]
    assert len(last) == 1
    assert last[0] == [line for line in lines if line["user"] == person.name][-1]


def test_stopping_the_server_leaves_no_process(directory: Path, prepared: Rig, tmp_path: Path) -> None:
    with running(tmp_path, prepared, limits=GENEROUS) as other:
        other.publish("own", "stdio", stdio_options("--stubborn"), isolation="per_user")
        pids = [process(other.caller()) for _ in range(3)]
        assert all(map(is_alive, pids))
        end(other.rig)
        assert not any(map(is_alive, pids))
