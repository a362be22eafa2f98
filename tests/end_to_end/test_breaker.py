"""An MCP that fails again and again is refused at once on every face, is shown, recorded, and comes back by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import World, running, until
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
