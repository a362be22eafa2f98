"""The server verifies its log, a copy is verified with a key, and both still work after the log was pruned."""

import json
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Downstream, World, running
from tests.rig import Rig


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that writes checkpoints and new segments often."""
    small = {"segment_bytes": 65536, "checkpoint_records": 50}
    with running(directory, prepared, limits=GENEROUS, audit=small) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def copied(world: World, tmp_path: Path) -> list[str]:
    """Copy the log; return the arguments that verify the copy with the key that `init` named."""
    copy = tmp_path / "copy"
    shutil.copytree(world.rig.data_dir / "audit", copy)
    key = copy / Path(world.rig.facts["audit_key_file"]).name
    return ["audit", "verify", "--offline", str(copy), "--key", str(key), "-o", "json"]


def call(world: World, times: int) -> None:
    """Call a tool."""
    caller = world.caller()
    for _ in range(times):
        assert caller.call(FACES[0], "tools__echo", {"text": "x" * 300}).succeeded


def test_server_and_copy_verify_the_same_log(world: World, tmp_path: Path) -> None:
    call(world, 120)
    found = {each["writer"]: each for each in world.rig.admin_json("audit", "verify")}
    assert set(found) == {"main", "main-init"}
    assert all(each["ok"] for each in found.values())
    assert found["main"]["records"] >= 240
    assert found["main"]["checkpoints"] >= 4
    offline = {each["writer"]: each for each in json.loads(world.rig.admin(*copied(world, tmp_path)).stdout)}
    assert offline["main"]["seq"] >= found["main"]["seq"]
    anchor = f"main:{found['main']['seq']}:{found['main']['digest']}"
    world.rig.admin(*copied(world, tmp_path / "again"), "--anchor", anchor)


def test_changed_copy_is_reported(world: World, tmp_path: Path) -> None:
    words = copied(world, tmp_path)
    first = tmp_path / "copy" / "main" / "00000001.jsonl"
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join([*lines[:4], lines[4].replace(b'"outcome":"', b'"outcome":"x'), *lines[5:]]))
    done = world.rig.admin(*words, expect=1)
    assert "AMB-4005" in done.stderr
    assert "main/00000001.jsonl, line 5" in done.stderr


def test_exported_key_equals_the_key_of_the_server(world: World) -> None:
    told = world.rig.admin("audit", "key").stdout
    assert told == Path(world.rig.facts["audit_key_file"]).read_text()


def test_only_an_administrator_may_remove_records(world: World) -> None:
    issued = world.ask("POST", "admin-keys", {"name": "reader", "roles": ["auditor"]})
    reader = {"X-Admin-Key": issued["admin_key"]}
    wanted = {"older_than_seconds": 90 * 86400}
    assert world.admin.post("/v1/admin/audit/prune", json=wanted, headers=reader).status_code == 403
    assert world.admin.get("/v1/admin/audit/verify", headers=reader).status_code == 200
    too_young = world.admin.post("/v1/admin/audit/prune", json={"older_than_seconds": 60})
    assert too_young.status_code == 400
    done = world.rig.admin_json("audit", "prune", "--older-than", "90d", "--yes")
    assert (done["segments"], done["indexed"]) == (0, 0)
    told = world.events(action="admin:audit:prune")
    assert [event["outcome"] for event in told] == ["succeeded", "permitted"]
    assert told[0]["actor"]["kind"] == "admin"


def test_second_server_on_the_same_directory_is_refused(world: World) -> None:
    words = [
        "serve",
        "--data-dir",
        str(world.rig.data_dir),
        "--port",
        "0",
        "--admin-port",
        "0",
        "--tls",
        "off",
    ]
    done = world.rig.run("ambassador-server", *words, expect=2)
    assert "Another server writes to" in done.stderr


def test_first_key_verifies_the_log_after_a_kill_and_a_rotation(world: World, tmp_path: Path) -> None:
    call(world, 3)
    assert world.rig.stop(signal.SIGKILL) == -signal.SIGKILL
    data_dir = str(world.rig.data_dir)
    made = json.loads(
        world.rig.run("ambassador-server", "audit", "rotate-key", "--data-dir", data_dir, "--json").stdout
    )
    world.start()
    call(world, 3)
    assert world.rig.admin("audit", "key").stdout.startswith(Path(made["audit_key_file"]).read_text())
    assert all(each["ok"] for each in world.rig.admin_json("audit", "verify"))
    found = json.loads(world.rig.admin(*copied(world, tmp_path)).stdout)
    assert all(each["ok"] for each in found)


def test_index_is_rebuilt_from_the_log(world: World) -> None:
    """After the index was changed, a rebuilt index contains each record of the log once."""
    database = world.rig.data_dir / "ambassador.db"
    before = sorted((event["writer"], event["seq"]) for event in world.events())
    assert world.rig.stop() == 0
    with closing(sqlite3.connect(database)) as tampered, tampered:
        tampered.execute("DELETE FROM audit_events WHERE cursor % 3 = 0")
        tampered.execute("UPDATE audit_events SET actor_name = 'nobody' WHERE cursor % 3 = 1")
    words = ["audit", "reindex", "--data-dir", str(world.rig.data_dir)]
    assert "complete" in world.rig.run("ambassador-server", *words).stderr
    world.rig.run("ambassador-server", *words, "--resume")
    world.start()
    events = world.events()
    after = [(event["writer"], event["seq"]) for event in events]
    assert len(after) == len(set(after))
    assert set(before) <= set(after) or len(before) == 1000
    assert "nobody" not in {event["actor"]["name"] for event in events}

    assert "running server" in world.rig.run("ambassador-server", *words).stderr
    again = {(event["writer"], event["seq"]) for event in world.events()}
    assert set(after) <= again or len(after) == 1000
