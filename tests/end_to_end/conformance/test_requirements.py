"""The public conformance suite against the server in front of the SDK's conformance server: all that it requires."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import protocol_suite
from tests.end_to_end.conformance.everything import everything
from tests.end_to_end.world import World, running
from tests.rig import Rig

REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}
NOT_SCORED = {
    "2025-11-25": ["json-schema-2020-12", "server-session-lifecycle"],
    "2026-07-28": ["json-schema-2020-12", "http-header-validation", "http-custom-header-server-validation"],
}
"""What the suite runs as well and a revision does not require, but this server meets."""
_SECONDS = 100
_STAMP = re.compile(r"^server-(.+)-\d{4}-\d{2}-\d{2}T[0-9-]+Z$")

revisions = pytest.mark.parametrize("revision", REQUIRED)


@pytest.fixture(scope="module")
def downstreams() -> Iterator[dict[str, str]]:
    """Run a server of each era, and yield the address that answers each revision."""
    with everything("--legacy") as legacy, everything() as modern:
        yield dict(zip(REQUIRED, (legacy, modern), strict=True))


@pytest.fixture
def world(tmp_path: Path, prepared: Rig, downstreams: dict[str, str], revision: str) -> Iterator[World]:
    """Run a server that publishes one of them under its own names."""
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server", prepared) as started:
        options = {"url": downstreams[revision]}
        started.publish("everything", "streamable_http", options, prefixed=False)
        yield started


def shortcomings(url: str, revision: str, directory: Path, *preloaded: Path, **environment: str) -> Any:
    """Run what a revision requires; return the failed checks of each scenario that must be met."""
    suite = protocol_suite.command(*preloaded)
    listed = protocol_suite.run(
        suite, directory, "list", "--server", "--requirements", revision, timeout=30, **environment
    )
    required = protocol_suite.required_of_servers(listed.stdout)
    assert len(required) == REQUIRED[revision], listed.stdout + listed.stderr
    met = [*required, *NOT_SCORED[revision]]
    words = ("server", "--url", url, "--requirements", revision, "--output-dir", "results")
    done = protocol_suite.run(suite, directory, *words, timeout=_SECONDS, **environment)
    found = {
        _scenario(each): json.loads(each.read_text()) for each in directory.glob("results/*/checks.json")
    }
    assert set(met) <= set(found), done.stdout + done.stderr
    failed = {name: [check for check in found[name] if check["status"] == "FAILURE"] for name in met}
    assert all(any(check["status"] == "SUCCESS" for check in found[name]) for name in met), done.stdout
    assert (done.returncode == 0) == (not any(failed[name] for name in required)), done.stdout + done.stderr
    return {name: checks for name, checks in failed.items() if checks}


def _scenario(checks: Path) -> str:
    named = _STAMP.match(checks.parent.name)
    assert named is not None, checks
    return named[1]


@revisions
def test_the_downstream_alone_meets_every_requirement(
    downstreams: dict[str, str], tmp_path: Path, revision: str
):
    assert shortcomings(downstreams[revision], revision, tmp_path) == {}


@revisions
def test_the_server_in_front_of_it_meets_every_requirement(world: World, tmp_path: Path, revision: str):
    url = f"http://localhost:{world.rig.ports['port']}/mcp"
    key = Path(__file__).with_name("key.cjs")
    assert shortcomings(url, revision, tmp_path, key, MCP_CONFORMANCE_KEY=world.person().key) == {}
