"""The commands about constraints in `docs/guard-rails.md` are run as they are written."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.test_guard_rails import commands
from tests.rig import BIN, CommandError, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, tls=False, is_preloaded=True)
    rig.init()
    rig.start()
    try:
        for group in ("developers", "interns"):
            rig.admin("group", "create", group)
        rig.admin("user", "create", "alice")
        rig.admin("group", "add-member", "developers", "alice")
        rig.admin("mcp", "add", "clock", "--", str(BIN / "mcp-server-time"))
        rig.admin("mcp", "publish", "clock")
        yield rig
    finally:
        rig.stop()


def run_as_written(rig: Rig, chapter: str) -> str:
    """Run the commands of a chapter with the key of alice; return her key."""
    key = str(rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"])
    found = commands(chapter)
    assert found
    for program, *words in found:
        is_admin = program == "ambassador-admin"
        environment = rig.admin_environment() if is_admin else rig.client_environment(key)
        done = rig.run(program, *words, env=environment)
        assert done.stdout or done.stderr, words
    return key


def test_argument_constraints_work_as_written(rig: Rig) -> None:
    key = run_as_written(rig, "Argument constraints")
    with pytest.raises(CommandError, match="argument_not_allowed"):
        rig.run(
            "ambassador-client",
            *("call", "clock__get_current_time", "timezone=America/Lima"),
            env=rig.client_environment(key),
        )
    (refused,) = rig.admin_json("audit", "query", "reason=argument_not_allowed")
    assert "Lima" not in json.dumps(refused)
