"""The commands in the chapter on access for some time, of `docs/guard-rails.md`, are run as they are written."""

from datetime import datetime, timedelta
from typing import Any

from ambassador_server.services.administration.access_requests import WAITS
from ambassador_server.services.administration.expired_grants import KEPT_OF_REQUEST
from ambassador_server.services.changes.approval_requests import MOST_PENDING_OF_USER
from ambassador_server.setting_sections import AccessRequestsSection
from tests.documents.test_guard_rails import chapter, commands
from tests.rig import BIN, Rig

TITLE = "Access for some time"


def test_the_commands_about_access_for_some_time_work_as_written(rig: Rig) -> None:
    rig.admin("user", "create", "alice")
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    key = rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"]
    client = rig.client_environment(key)
    asked: list[str] = []
    printed: dict[str, str] = {}
    for program, *written in commands(TITLE):
        # What is taken back is the request for the whole MCP, what is decided that for one tool.
        meant = 0 if program == "ambassador-client" else -1
        words = [asked[meant] if each == "ID" else each for each in written]
        if program == "ambassador-admin":
            done = rig.admin(*words)
        else:
            done = rig.run(program, *words, env=client)
            found: Any = rig.run(program, "request", "list", "-o", "jsonl", env=client).stdout
            asked = [line.split('"id":')[1].split('"')[1] for line in found.splitlines()]
        printed[" ".join(words[:2])] = done.stdout + done.stderr
    assert "mcp_exists" in printed["approval show"]
    assert "cancelled" in printed["request cancel"]
    assert "permit time.convert_time to user alice" in printed["access explain"]
    assert "admin:grant:add" in printed["audit query"]
    (grant,) = rig.admin_json("grant", "list")
    begun, ends = (datetime.fromisoformat(grant[name]) for name in ("created_at", "expires_at"))
    assert round((ends - begun).total_seconds()) == 2 * 3600
    answer = rig.run("ambassador-client", "call", "time__convert_time", "--json", CALL, env=client)
    assert "Europe/Berlin" in answer.stdout


CALL = '{"source_timezone": "UTC", "time": "12:00", "target_timezone": "Europe/Berlin"}'


def test_the_bounds_are_those_of_the_server() -> None:
    text = " ".join(chapter(TITLE).split())
    assert AccessRequestsSection().longest == timedelta(days=7)
    assert timedelta(days=7) == WAITS
    assert timedelta(days=1) == KEPT_OF_REQUEST
    assert f"at most {MOST_PENDING_OF_USER} requests that wait" in text
