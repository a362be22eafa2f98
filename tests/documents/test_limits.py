"""The commands and the file in the chapter on limits of `docs/guard-rails.md` are used as they are written."""

import re
from pathlib import Path

from ambassador_server.domain.policy.limits import LimitScope, Measure
from tests.documents.test_guard_rails import chapter, commands
from tests.rig import BIN, Rig

LIMITS = chapter("Limits")
COMMANDS = [words for _, *words in commands("Limits")]
(FILE,) = re.findall(r"```yaml\n(.*?)```", LIMITS, re.DOTALL)


def test_the_commands_about_limits_work_as_written(rig: Rig, tmp_path: Path) -> None:
    rig.admin("user", "create", "alice")
    rig.admin("group", "create", "trainees")
    rig.admin("key", "issue", "alice", "--name", "laptop")
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    for words in COMMANDS:
        done = rig.admin(*words)
        assert done.stdout or done.stderr, words
        if words[:2] == ["access", "explain"]:
            assert "limit short: arguments of 4,096 bytes, for tool time.convert_time" in done.stdout
    kept = rig.admin_json("limit", "list")
    assert [each["name"] for each in kept] == ["careful", "everybody", "fragile", "trainees"]
    for name in ("careful", "everybody"):
        rig.admin("limit", "remove", name, "--yes")
    declared = tmp_path / "limits.yaml"
    declared.write_text(FILE)
    assert "+ limit careful" in rig.admin("apply", "-f", str(declared), "--yes").stdout
    exported = rig.admin("export", "--owner", "ci/limits").stdout
    assert exported.count("- name:") == 2
    (tmp_path / "again.yaml").write_text(exported)
    assert "0 to create, 0 to change" in rig.admin("diff", "-f", str(tmp_path / "again.yaml")).stderr
    declared.write_text(FILE.replace("value: 20", "value: 30").replace("careful", "renamed"))
    rig.admin("apply", "-f", str(declared), "--prune", "--yes")
    limits = {each["name"]: each["value"] for each in rig.admin_json("limit", "list")}
    assert limits == {"everybody": 30, "fragile": 4, "renamed": 10, "trainees": 200}


def test_every_scope_and_every_measure_is_described() -> None:
    options = {option.replace("-", "_") for option in re.findall(r"`--([a-z-]+)", LIMITS)}
    assert options >= {*map(str, LimitScope), *map(str, Measure)}
