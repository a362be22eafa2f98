"""A test of an MCP's connection runs its command: recorded before it runs, and also when it fails."""

from pathlib import Path

import pytest

from tests.end_to_end.test_audit_unavailable import broken_log
from tests.end_to_end.world import World


def draft(world: World, tmp_path: Path) -> tuple[str, Path]:
    """Add an MCP whose command leaves a file, and return its name and the file."""
    name, left = world.fresh("leaves"), tmp_path / "left"
    options = {"command": "touch", "args": [str(left)]}
    world.ask("POST", "mcps", {"name": name, "transport": "stdio", "options": options})
    return name, left


@pytest.mark.parametrize("verb", ["test", "publish"])
def test_the_command_is_on_record_before_it_runs_and_when_it_fails(
    world: World, tmp_path: Path, verb: str
) -> None:
    name, left = draft(world, tmp_path)
    assert world.admin.post(f"/v1/admin/mcps/{name}/{verb}").status_code == 502
    assert left.exists()
    ended, begun = world.events(action="admin:mcp:test", resource=name)
    assert (begun["outcome"], ended["outcome"]) == ("permitted", "failed")
    assert begun["details"]["options"] == {"command": "touch", "args": [str(left)]}
    assert ended["reason"] == "downstream_unavailable"


@pytest.mark.parametrize("verb", ["test", "publish"])
def test_no_command_runs_that_cannot_be_recorded(world: World, tmp_path: Path, verb: str) -> None:
    name, left = draft(world, tmp_path)
    with broken_log(world):
        assert world.admin.post(f"/v1/admin/mcps/{name}/{verb}").status_code == 503
    assert not left.exists()


def test_an_update_of_a_published_mcp_records_the_test_of_its_new_connection(
    world: World, tmp_path: Path
) -> None:
    world.publish_fixture("updated")
    left = tmp_path / "left"
    options = {"command": "touch", "args": [str(left)]}
    refused = world.admin.patch("/v1/admin/mcps/updated", json={"transport": "stdio", "options": options})
    assert refused.status_code == 502, refused.text
    ended, begun, *_ = world.events(action="admin:mcp:test", resource="updated")
    assert (begun["outcome"], ended["outcome"]) == ("permitted", "failed")
    assert begun["details"]["options"]["args"] == [str(left)]
