"""The audit commands against a real server: a call is traced, followed, counted and exported."""

import json
import signal
import subprocess
from pathlib import Path
from typing import IO

from tests.end_to_end.faces import FACES
from tests.end_to_end.test_audit_queries import make_groups
from tests.end_to_end.world import World, until
from tests.patience import PATIENCE
from tests.rig import BIN


def make_calls(world: World) -> None:
    """Permit one call and deny another."""
    caller = world.caller()
    caller.call(FACES[0], "tools.echo", {"text": "hello"})
    caller.call(FACES[0], "tools.nothing-like-it")


def test_call_is_shown_from_the_attempt_to_the_answer(world: World) -> None:
    make_calls(world)
    attempt = world.rig.admin_json("audit", "query", "action=call:tool:attempt", "--limit", "1")[0]
    shown = world.rig.admin_json("audit", "show", attempt["request_id"])
    assert [event["action"] for event in shown["events"]] == ["call:tool:attempt", "call:tool:outcome"]
    assert (shown["decision"], shown["open"]) == ("permit", False)
    assert shown["milliseconds"] > 0
    assert shown["grant"]["id"] == shown["grant_id"] == attempt["details"]["grant"]
    words = world.rig.admin("audit", "show", attempt["id"]).stdout
    assert "DOWNSTREAM TOOK" in words
    assert "permit" in words


def test_statistics_and_query_agree(world: World) -> None:
    make_calls(world)
    counted = world.rig.admin_json("audit", "stats", "--by", "tool", "--since", "24h")
    for row in counted["values"]:
        found = world.rig.admin_json("audit", "query", f"tool={row['value']}", "--limit", "5000")
        # A call counts once, by its outcome; a call that was refused has one event.
        assert sum(event["action"] != "call:tool:attempt" for event in found) == row["count"]


def test_export_continues_where_the_last_one_ended(world: World, tmp_path: Path) -> None:
    target = tmp_path / "events.jsonl"
    first = world.rig.admin("audit", "export", "--file", str(target))
    cursor = first.stderr.split("--cursor ")[1].split()[0]
    make_groups(world, "exported-1", "exported-2")
    world.rig.admin("audit", "export", "--file", str(target), "--cursor", cursor)
    assert "exists already" in world.rig.admin("audit", "export", "--file", str(target), expect=6).stderr
    cursors = [json.loads(line)["cursor"] for line in target.read_text().splitlines()]
    assert cursors == sorted(set(cursors))
    everything = world.rig.admin("audit", "export").stdout.splitlines()
    assert [json.loads(line)["cursor"] for line in everything] == cursors
    assert target.stat().st_mode & 0o777 == 0o600


def test_tail_follows_a_restarted_server_without_loss(world: World) -> None:
    command = [str(BIN / "ambassador-admin"), "audit", "tail", "-f", "resource~followed-*"]
    environ = world.rig.admin_environment()
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            out = process.stdout
            assert out is not None
            make_groups(world, "followed-1")
            seen = [_name(out)]
            world.restart()
            until(lambda: world.admin.get("/ready").status_code == 200, "the server is back")
            make_groups(world, "followed-again")
            seen.append(_name(out))
            assert seen == ["followed-1", "followed-again"]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130


def _name(out: IO[str]) -> str:
    name: str = json.loads(out.readline())["resource"]["name"]
    return name
