"""An auditor fetches the log through the API and verifies the copy without the server; no other role may."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Downstream, World, running
from tests.rig import Rig

SEGMENT_BYTES = 65536


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that begins new segments often, and call a tool until some are closed."""
    small = {"segment_bytes": SEGMENT_BYTES, "checkpoint_records": 50}
    with running(directory, prepared, limits=GENEROUS, audit=small) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        call(started, 120)
        yield started


@pytest.fixture(scope="module")
def auditor(world: World) -> str:
    """An admin key with the role auditor alone."""
    return str(world.ask("POST", "admin-keys", {"name": "reader", "roles": ["auditor"]})["admin_key"])


def call(world: World, times: int) -> None:
    caller = world.caller()
    for _ in range(times):
        assert caller.call(FACES[0], "tools__echo", {"text": "x" * 300}).succeeded


def fetch(world: World, key: str, copy: Path, *words: str, expect: int = 0) -> CompletedProcess[str]:
    environment = {**world.rig.admin_environment(), "MCP_AMBASSADOR_ADMIN_KEY": key}
    return world.rig.run(
        "ambassador-admin", "audit", "fetch", str(copy), *words, expect=expect, env=environment
    )


def verified(world: World, copy: Path) -> dict[str, dict[str, object]]:
    """Return the findings about the copy, verified with the key that `init` named."""
    key = str(world.rig.facts["audit_key_file"])
    done = world.rig.admin("audit", "verify", "--offline", str(copy), "--key", key, "-o", "json")
    return {each["writer"]: each for each in json.loads(done.stdout)}


def test_fetched_directory_is_verified_without_the_server(world: World, auditor: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    done = fetch(world, auditor, copy, "-o", "json")
    files = json.loads(done.stdout)
    closed = [file for file in files if file["closed"]]
    assert len(closed) >= 2
    for file in closed:
        original = world.rig.data_dir / "audit" / file["writer"] / file["name"]
        assert (copy / file["writer"] / file["name"]).read_bytes() == original.read_bytes()
    assert {path.stat().st_mode & 0o077 for path in copy.glob("*/*")} == {0}
    found = verified(world, copy)
    assert set(found) == {"main", "main-init"}
    assert all(each["ok"] for each in found.values())
    # The server's program verifies it with its own keys, and the fetched key is the server's.
    words = ("audit", "verify", "--offline", str(copy), "--data-dir", str(world.rig.data_dir))
    world.rig.run("ambassador-server", *words)
    name = Path(world.rig.facts["audit_key_file"]).name
    assert (copy / name).read_text() == Path(world.rig.facts["audit_key_file"]).read_text()


def test_interrupted_fetch_is_continued_in_the_middle_of_a_file(
    world: World, auditor: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    fetch(world, auditor, copy)
    whole, gone = copy / "main" / "00000001.jsonl", copy / "main" / "00000002.jsonl"
    content, kept = whole.read_bytes(), 1000
    whole.write_bytes(content[:kept])
    gone.unlink()
    call(world, 10)
    again = json.loads(fetch(world, auditor, copy, "-o", "json").stdout)
    fetched = {file["name"]: file["fetched"] for file in again if file["writer"] == "main"}
    assert fetched["00000001.jsonl"] == len(content) - kept
    assert fetched["00000002.jsonl"] == gone.stat().st_size > 0
    assert whole.read_bytes() == content
    assert all(each["ok"] for each in verified(world, copy).values())
    third = json.loads(fetch(world, auditor, copy, "-o", "json").stdout)
    assert [file["name"] for file in third if file["closed"] and file["fetched"]] == []


def test_changed_copy_is_reported_and_a_longer_one_is_never_overwritten(
    world: World, auditor: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    fetch(world, auditor, copy)
    first = copy / "main" / "00000001.jsonl"
    content = first.read_bytes()
    first.write_bytes(content.replace(b'"outcome":"permitted"', b'"outcome":"permittec"', 1))
    words = ("audit", "verify", "--offline", str(copy), "--key", str(world.rig.facts["audit_key_file"]))
    assert "main/00000001.jsonl, line " in world.rig.admin(*words, expect=1).stderr
    first.write_bytes(content + b"more\n")
    done = fetch(world, auditor, copy, expect=6)
    assert "is another log" in done.stderr
    assert first.read_bytes() == content + b"more\n"


def test_administrator_without_the_right_is_refused(world: World, tmp_path: Path) -> None:
    for role in ("admin", "operator", "provisioner"):
        issued = world.ask("POST", "admin-keys", {"name": f"only-{role}", "roles": [role]})["admin_key"]
        copy = tmp_path / role
        assert "AMB-3002" in fetch(world, issued, copy, expect=4).stderr
        assert not copy.exists()
        path = "/v1/admin/audit/files/main/00000001.jsonl"
        assert world.admin.get(path, headers={"X-Admin-Key": issued}).status_code == 403


def test_each_fetched_file_is_recorded(world: World, auditor: str, tmp_path: Path) -> None:
    fetch(world, auditor, tmp_path / "copy")
    told = world.events(action="admin:audit:fetch", actor="reader")
    assert {"00000001.jsonl", "00000002.jsonl"} <= {event["details"]["file"] for event in told}
    assert {event["outcome"] for event in told} == {"permitted"}
    assert all(event["details"]["bytes"] > 0 and event["request_id"] for event in told)
    assert all(each["without_outcome"] == 0 for each in world.rig.admin_json("audit", "verify"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("main/00000001.jsonl?offset=10&end=20", 200),
        ("main/00000001.jsonl?offset=20&end=10", 400),
        ("main/00000001.jsonl?end=99999999999", 400),
        ("main/00000001.jsonl?offset=-1", 400),
        ("main/00000099.jsonl", 404),
        ("other/00000001.jsonl", 404),
        ("main/..%2f..%2fconfig.yaml", 404),
        ("..%2fkeys/audit-1", 404),
        ("main/sinks.json", 404),
    ],
)
def test_only_parts_of_files_of_the_log_are_sent(world: World, path: str, status: int) -> None:
    answer = world.admin.get(f"/v1/admin/audit/files/{path}")
    assert answer.status_code == status, answer.text
    if status == 200:
        original = world.rig.data_dir / "audit" / "main" / "00000001.jsonl"
        assert answer.content == original.read_bytes()[10:20]


def test_log_reached_through_a_symbolic_link_is_not_sent(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(world.rig.data_dir / "audit" / "main-init", elsewhere)
    link = world.rig.data_dir / "audit" / "linked"
    link.symlink_to(elsewhere)
    try:
        listed = world.admin.get("/v1/admin/audit/files").json()["items"]
        assert {file["writer"] for file in listed} == {"main", "main-init"}
    finally:
        link.unlink()
