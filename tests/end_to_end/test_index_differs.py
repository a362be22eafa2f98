"""Changes of the index that its log contradicts are named wherever an operator looks, until the index is rebuilt."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_audit_anchors import checked, verified
from tests.end_to_end.test_quarantine import closed
from tests.end_to_end.world import World, end, running, until
from tests.rig import Rig
from tests.server.storage import raw
from tests.server.storage.conftest import postgres, postgres_url, sqlite_path, url

__all__ = ["postgres", "postgres_url", "sqlite_path", "url"]

_ANOMALY = "system:audit-log:anomaly"
_COLUMNS = "at, action, outcome, actor_kind, resource_kind, digest, document"
_ATTACKS = (
    "UPDATE audit_events SET actor_name = 'nobody' WHERE {row}",
    "UPDATE audit_events SET outcome = 'failed' WHERE {row}",
    "UPDATE audit_events SET document = replace(document, '\"details\":', '\"other\":') WHERE {row}",
    "DELETE FROM audit_events WHERE {row}",
    f"INSERT INTO audit_events (writer, seq, {_COLUMNS}) "
    f"SELECT writer, 900000000, {_COLUMNS} FROM audit_events WHERE {{row}}",
    # The first line of a log is no record.
    f"INSERT INTO audit_events (writer, seq, {_COLUMNS}) "
    f"SELECT writer, 1, {_COLUMNS} FROM audit_events WHERE {{row}}",
)
_COUNTS = {"missing": 1, "altered": 3, "surplus": 2}
_WORDS = "1 missing, 3 altered, 2 surplus"


@pytest.fixture
def world(tmp_path: Path, url: str) -> Iterator[World]:
    """Run a server on each kind of database."""
    configured = tmp_path / "server.yaml"
    configured.write_text(json.dumps({"database_url": url}))
    rig = Rig(tmp_path, tls=False, is_preloaded=True, server_flags=("--config", str(configured)))
    words = ("init", "--data-dir", str(rig.data_dir), *rig.server_flags, "--json")
    rig.facts = json.loads(rig.run("ambassador-server", *words).stdout)
    world = World(rig)
    try:
        world.start()
        yield world
        world.close_connections()
    finally:
        end(rig)


def test_changed_index_is_named_until_it_is_rebuilt(world: World, url: str) -> None:
    rig = world.rig
    flags = ("--data-dir", str(rig.data_dir), *rig.server_flags)
    for number in range(len(_ATTACKS)):
        world.ask("POST", "groups", {"name": f"group-{number}"})
    events = world.events(action="admin:group:create")
    for event, attack in zip(events, _ATTACKS, strict=True):
        asyncio.run(raw.execute(url, attack.format(row=f"writer = 'main' AND seq = {event['seq']}")))
    for starts in (1, 2):
        assert rig.stop() == 0
        said = json.loads(rig.run("ambassador-server", "check", *flags, "--json", expect=1).stdout)
        assert _WORDS in said["audit index"]["detail"]
        world.start()
        until(lambda: named_as_failing(world) == {"audit_index_differs"}, "it is named")
        assert world.http.get("/ready").status_code == 503
        until(lambda: _WORDS in str(verified(world)["fault"]), "the total is known")
        until(lambda starts=starts: totals(world).count(_COUNTS) == starts, "each start records it once")
    assert "AMB-4005" in rig.admin("audit", "verify", expect=1).stderr
    rig.run("ambassador-server", "audit", "reindex", *flags)
    until(lambda: world.http.get("/ready").status_code == 200, "the server is ready again")
    assert verified(world)["ok"]
    assert rig.stop() == 0
    rig.run("ambassador-server", "check", *flags)


def test_changed_log_is_named_and_not_copied_into_the_index(tmp_path: Path, prepared: Rig) -> None:
    with running(tmp_path, prepared, audit={"segment_bytes": 65536}) as world:
        rig, log = world.rig, world.rig.data_dir / "audit" / "main"
        while not closed(log):
            world.ask("POST", "groups", {"name": world.fresh("large"), "description": "wordy " * 80})
        indexed = world.events(action="admin:group:create")
        assert rig.stop() == 0
        changed = closed(log)[-1]
        changed.write_bytes(changed.read_bytes().replace(b"wordy", b"wordz", 1))
        assert "1 altered" in str(checked(rig, expect=1)["audit index"]["detail"])
        world.start()
        failing = {"audit_index_differs", "audit_segment_broken"}
        until(lambda: failing <= named_as_failing(world), "both are named")
        assert [event["seq"] for event in world.events(action="admin:group:create")] == [
            event["seq"] for event in indexed
        ]
        assert "wordz" not in json.dumps(world.events(action="admin:group:create"))
        assert "index" not in str(verified(world)["fault"])


def totals(world: World) -> list[dict[str, Any]]:
    """Return the counts in the events about the index."""
    found = [event["details"] for event in world.events(action=_ANOMALY)]
    return [
        {each: details[each] for each in _COUNTS} for details in found if details["loss"] == "index_differs"
    ]


def named_as_failing(world: World) -> set[str]:
    """Return the names of the checks that fail."""
    return {name for name, ok in world.http.get("/ready").json()["checks"].items() if not ok}
