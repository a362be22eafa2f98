"""The setting `stdio.allowed_commands` over the admin API and at the start of a server."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.world import World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Run a server that allows any command at first."""
    with running(tmp_path, prepared) as started:
        yield started


def test_other_commands_are_refused_when_written_and_when_the_server_starts(
    world: World, tmp_path: Path
) -> None:
    world.publish_fixture("allowed")
    world.publish("forbidden", "stdio", stdio_options(server="hostile_server"))
    patterns = [f"{sys.executable} -m tests.fakes.mcp_servers.stdio_server"]
    (tmp_path / "server.yaml").write_text(json.dumps({"stdio": {"allowed_commands": patterns}}))
    world.restart()

    until(lambda: world.ask("GET", "mcps/allowed")["state"] == "ready", "the allowed one runs")
    until(lambda: world.ask("GET", "mcps/forbidden")["state"] == "degraded", "the other one does not")
    assert "stdio.allowed_commands" in world.ask("GET", "mcps/forbidden")["error"]
    body = {"name": "shell", "transport": "stdio", "options": {"command": ["/bin/sh", "-c", "id"]}}
    refused = world.admin.post("/v1/admin/mcps", json=body)
    assert refused.status_code == 400
    assert "stdio.allowed_commands" in refused.json()["detail"]
    options = {**stdio_options(), "env": {"PYTHONPATH": "/tmp"}}
    refused = world.admin.patch("/v1/admin/mcps/allowed", json={"options": options})
    assert refused.status_code == 400
    assert "PYTHONPATH" in refused.json()["detail"]


def test_an_entry_may_choose_no_sandbox_only_where_the_server_allows_it(world: World) -> None:
    options = stdio_options(sandbox={"kind": "none"})
    refused = world.admin.post(
        "/v1/admin/mcps", json={"name": "bare", "transport": "stdio", "options": options}
    )
    assert refused.status_code == 400
    assert "stdio.unsandboxed" in refused.json()["detail"]
