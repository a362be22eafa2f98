"""An MCP that fails again and again is refused at once on every face, is shown, recorded, and comes back by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    settings = {"failures": 2, "longest_retry_seconds": 1, "grace_seconds": 0.5}
    with running(directory, prepared, limits=GENEROUS, downstreams=settings) as started:
        yield started


def events(world: World, name: str) -> list[dict[str, Any]]:
    return [each for each in world.events(action="system:breaker:*") if each["resource"]["name"] == name]


def test_a_failing_mcp_is_refused_shown_recorded_withdrawn_and_comes_back(
    world: World, directory: Path
) -> None:
    script = options(directory, {"tools": [tool("edit")]})
    world.publish("broken", "stdio", script)
    caller, path = world.caller(), Path(script["command"][-1])
    whole = path.read_text(encoding="utf-8")
    assert caller.call(LEGACY, "broken__edit").succeeded
    path.write_text("no script", encoding="utf-8")
    world.ask("POST", "mcps/broken/restart")
    until(lambda: world.ask("GET", "mcps/broken")["breaker"] != "closed", "the breaker opens")
    for face in FACES:
        answer = caller.call(face, "broken__edit")
        assert answer.failed
        assert "circuit breaker open after" in answer.text or answer.text.startswith("Unknown tool")
    shown = world.rig.admin_json("mcp", "status", "broken")
    assert shown["state"] == "degraded"
    assert shown["breaker"] in ("open", "half_open")
    assert shown["next_probe_at"] or shown["breaker"] == "half_open"
    (opened,) = events(world, "broken")
    assert (opened["action"], bool(opened["details"]["error"])) == ("system:breaker:open", True)
    until(lambda: world.ask("GET", "mcps/broken")["withdrawn"], "the time of grace ends")
    for face in FACES:
        assert "broken__edit" not in caller.names(face)
    assert world.ask("GET", "mcps/broken")["waiting"] == 0, "what is withdrawn is not gone"
    path.write_text(whole, encoding="utf-8")
    until(lambda: world.ask("GET", "mcps/broken")["breaker"] == "closed", "a probe closes it")
    for face in FACES:
        assert caller.call(face, "broken__edit").succeeded
        assert "broken__edit" in caller.names(face)
    until(lambda: len(events(world, "broken")) == 2, "the end is recorded")
    assert {each["action"] for each in events(world, "broken")} == {
        "system:breaker:open",
        "system:breaker:close",
    }
    assert json.loads(whole)["tools"]


def test_settings_of_one_mcp_replace_those_of_the_server(
    world: World, directory: Path, tmp_path: Path
) -> None:
    script = options(directory, {"tools": [tool("edit")]})
    world.publish("own", "stdio", script)
    world.rig.admin("mcp", "update", "own", "--failures", "1", "--grace", "3600", "--max-in-flight", "8")
    shown = world.rig.admin_json("mcp", "status", "own")
    assert (shown["breaker_failures"], shown["grace_seconds"], shown["max_in_flight"]) == (1, 3600, 8)
    wide = world.rig.admin("mcp", "status", "own", "-o", "wide").stdout
    assert all(word in wide for word in ("MAX IN FLIGHT", "BREAKER FAILURES", "GRACE"))
    Path(script["command"][-1]).write_text("no script", encoding="utf-8")
    world.ask("POST", "mcps/own/restart")
    until(lambda: bool(events(world, "own")), "the first failure opens the breaker")
    assert not world.ask("GET", "mcps/own")["withdrawn"], "its own time of grace is longer"
    for body, words in (
        ({"max_in_flight": 0}, "The calls in flight must lie between 1 and 4096."),
        ({"breaker_failures": 1001}, "The failures of the breaker must lie between 0 and 1000."),
        ({"grace_seconds": -1}, "The seconds of grace must lie between 0 and"),
    ):
        refused = world.admin.patch("/v1/admin/mcps/own", json=body)
        assert (refused.status_code, words in refused.json()["detail"]) == (400, True), refused.text
    file = tmp_path / "own.yaml"
    file.write_text(
        "owner: null\nmcps:\n- {name: own, max_in_flight: 9, breaker_failures: 0, grace_seconds: 0}\n"
    )
    world.rig.admin("apply", "-f", str(file), "--yes")
    world.rig.admin("diff", "-f", str(file))
    shown = world.ask("GET", "mcps/own")
    assert (shown["breaker_failures"], shown["grace_seconds"], shown["max_in_flight"]) == (0, 0, 9)
    until(lambda: world.ask("GET", "mcps/own")["withdrawn"], "the time of grace of the server is over")
    assert "max_in_flight: 9" in world.rig.admin("export").stdout


def test_calls_in_flight_of_one_mcp_are_bounded_on_every_way_in(world: World) -> None:
    world.publish("narrow", "stdio", stdio_options(), max_in_flight=1)
    person = world.person("developers")
    caller = world.session(person)
    with slow_call(world, caller, LEGACY, "narrow__slow"):
        for face in FACES:
            answer = caller.call(face, "narrow__echo", {"text": "x"})
            assert answer.failed
            assert "narrow has 1 calls in flight already" in answer.text
        client = world.rig.client_environment(person.key)
        done = world.rig.run("ambassador-client", "call", "narrow__echo", "text=x", env=client, expect=7)
        assert "narrow has 1 calls in flight already" in done.stderr
        event = world.events(action="call:tool:outcome")[0]
        assert (event["outcome"], event["reason"]) == ("failed", "overloaded")
        world.rig.admin("mcp", "update", "narrow", "--max-in-flight", "2")
        assert caller.call(LEGACY, "narrow__echo", {"text": "room"}).text == "room"
        world.ask("POST", f"sessions/{caller.session_id}/revoke")


def test_breaker_of_a_users_connection_is_recorded_with_the_user(world: World, directory: Path) -> None:
    script = options(directory, {"tools": [tool("edit")]})
    world.publish("personal", "stdio", script, isolation="per_user")
    person = world.person("developers")
    caller, path = world.session(person), Path(script["command"][-1])
    whole = path.read_text(encoding="utf-8")
    assert caller.call(LEGACY, "personal__edit").succeeded
    path.write_text("no script", encoding="utf-8")
    world.ask("POST", "mcps/personal/restart")

    def of_user() -> list[str]:
        if caller.call(LEGACY, "personal__edit").succeeded:
            return [each["action"] for each in events(world, "personal") if each["details"].get("user")]
        found = [each for each in events(world, "personal") if each["details"].get("user") == person.name]
        return [each["action"] for each in found]

    until(lambda: of_user() == ["system:breaker:open"], "the breaker of the user's connection is recorded")
    path.write_text(whole, encoding="utf-8")
    until(lambda: sorted(of_user()) == ["system:breaker:close", "system:breaker:open"], "it closes")
