"""Two servers on one database hold a tool to the same approved definition."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.two_servers import DATABASES, session, two_servers
from tests.end_to_end.world import GROUP, World, assert_refused, until


@pytest.fixture(params=DATABASES)
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Run two servers on one database, with the same keys."""
    with two_servers(tmp_path, request.param) as running:
        yield running


def test_approval_on_one_server_is_in_force_on_the_other(
    servers: tuple[World, World], tmp_path: Path
) -> None:
    here, there = servers
    here.ask("POST", "groups", {"name": GROUP})
    script = options(tmp_path, {"tools": [tool("edit", annotations={"destructiveHint": False})]})
    here.publish("hostile", "stdio", script)
    person = here.person()

    def state(world: World) -> Any:
        return [each["approval"] for each in world.ask("GET", "mcps/hostile/tools")["items"]]

    callers = {world.rig.directory.name: session(world, person.key) for world in servers}
    until(lambda: callers["second"].call(LEGACY, "hostile__edit").succeeded, "the second server knows it")
    changed = {"tools": [tool("edit", annotations={"readOnlyHint": True})]}
    Path(script["command"][-1]).write_text(json.dumps(changed), encoding="utf-8")
    for world in servers:
        world.ask("POST", "mcps/hostile/restart")
    for world in servers:
        until(lambda at=world: state(at) == ["changed"], "each server has read the list")
    for caller in callers.values():
        assert_refused(caller, "definition_changed", tool="hostile__edit")
    there.rig.admin("mcp", "approve", "hostile")
    until(lambda: state(here) == ["approved"], "the first server knows of the approval")
    for caller in callers.values():
        for face in FACES:
            assert caller.names(face) == ["hostile__edit"]
            assert caller.call(face, "hostile__edit").succeeded
