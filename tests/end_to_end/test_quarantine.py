"""A broken log stops the start of a server; after `audit quarantine` it starts, and the log can be verified."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.world import World, running, until
from tests.rig import CommandError, Rig


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Run a server of this test's own."""
    with running(tmp_path, prepared) as started:
        started.publish_fixture("tools")
        yield started


def break_log(world: World) -> Path:
    """Change a record in the middle of the last segment."""
    last = sorted((world.rig.data_dir / "audit" / "main").glob("*.jsonl"))[-1]
    lines = last.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = lines[middle].replace(b'"', b"'", 1)
    last.write_bytes(b"".join(lines))
    return last


def test_server_starts_again_after_a_quarantine(world: World, tmp_path: Path) -> None:
    assert world.caller().call(FACES[0], "tools__echo", {"text": "before"}).succeeded
    until(lambda: world.events(action="call:tool:outcome"), "the call is in the index")
    indexed = {event["seq"] for event in world.events() if event["writer"] == "main"}
    words = ("ambassador-server", "audit", "quarantine", "--data-dir", str(world.rig.data_dir))
    assert "Another server writes to" in world.rig.run(*words, "--yes", expect=2).stderr
    assert world.rig.stop() == 0
    assert "Nothing to do" in world.rig.run(*words).stderr

    broken = break_log(world)
    with pytest.raises(CommandError, match="audit quarantine"):
        world.rig.start()
    checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir), expect=1)
    assert "audit quarantine" in " ".join(checked.stdout.split())
    content = broken.read_bytes()
    assert str(broken) in world.rig.run(*words, "--dry-run").stderr
    assert "Add --yes" in world.rig.run(*words, expect=2).stderr
    assert broken.read_bytes() == content
    [done] = json.loads(world.rig.run(*words, "--yes", "--json").stdout)
    assert Path(done["file"]).read_bytes() == content
    assert "Nothing to do" in world.rig.run(*words).stderr

    world.start()
    assert world.caller().call(FACES[0], "tools__echo", {"text": "after"}).succeeded
    until(lambda: world.events(action="system:audit-log:quarantine"), "the quarantine is in the index")
    # All that was indexed is still there, and no number was given out twice.
    after = [event["seq"] for event in world.events() if event["writer"] == "main"]
    assert indexed <= set(after)
    assert len(after) == len(set(after))
    verified = world.rig.admin("audit", "verify", "-o", "json")
    [main] = [each for each in json.loads(verified.stdout) if each["writer"] == "main"]
    assert (main["ok"], [each["segment"] for each in main["quarantined"]]) == (True, [done["segment"]])
    assert "was quarantined" in verified.stderr

    copy = tmp_path / "copy"
    shutil.copytree(world.rig.data_dir / "audit", copy)
    key = copy / Path(world.rig.facts["audit_key_file"]).name
    (following,) = [
        file for file in (copy / "main").glob("*.jsonl") if b'"quarantined":' in file.read_bytes()
    ]
    stated = f'"line":{done["line"]},"segment"'.encode()
    assert stated in following.read_bytes()
    changed = following.read_bytes().replace(stated, f'"line":{done["line"] - 1},"segment"'.encode())
    following.write_bytes(changed)
    refused = world.rig.admin("audit", "verify", "--offline", str(copy), "--key", str(key), expect=1)
    assert "AMB-4005" in refused.stderr


def test_broken_closed_segment_is_named_until_it_is_quarantined(tmp_path: Path, prepared: Rig) -> None:
    with running(tmp_path, prepared, audit={"segment_bytes": 65536}) as world:
        rig, log = world.rig, world.rig.data_dir / "audit" / "main"
        while not closed(log):
            world.ask("POST", "groups", {"name": world.fresh("large"), "description": "wordy " * 80})
        assert rig.stop() == 0
        broken = closed(log)[-1]
        content = broken.read_bytes()
        broken.write_bytes(content.replace(b"wordy", b"wordz", 1))
        for _ in range(2):
            world.start()
            until(lambda: world.http.get("/ready").status_code == 503, "the broken segment is found")
            assert not world.http.get("/ready").json()["checks"]["audit_segment_broken"]
            until(lambda: world.events(action="system:audit-log:anomaly"), "it is an event")
            details = world.events(action="system:audit-log:anomaly")[0]["details"]
            assert (details["loss"], details["segment"]) == ("segment_broken", int(broken.stem))
            assert rig.stop() == 0
        words = ("ambassador-server", "audit", "quarantine", "--data-dir", str(rig.data_dir))
        assert str(broken.name) in rig.run(*words, "--dry-run").stderr
        assert broken.exists()
        [done] = json.loads(rig.run(*words, "--yes", "--json").stdout)
        assert Path(done["file"]) == broken.with_suffix(".quarantined")
        assert "Nothing to do" in rig.run(*words).stderr
        world.start()
        assert world.caller()
        until(lambda: world.http.get("/ready").status_code == 200, "the server is ready")
        verified = json.loads(rig.admin("audit", "verify", "-o", "json").stdout)
        [main] = [each for each in verified if each["writer"] == "main"]
        assert (main["ok"], [each["segment"] for each in main["quarantined"]]) == (True, [done["segment"]])
        assert world.http.get("/ready").status_code == 200


def closed(log: Path) -> list[Path]:
    """Return the closed segments."""
    return sorted(log.glob("*.jsonl"))[:-1]
