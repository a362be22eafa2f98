"""The commands and the file in `docs/meta-tools.md` are used as they are written, and its figures are the code's."""

import os
import re
import shlex
from pathlib import Path

from ambassador_server.domain.catalog.published_names import META_TOOL_NAMES
from ambassador_server.meta_tools.definitions import DEFINITIONS, MOST_FOUND, USUALLY_FOUND
from tests import preloaded
from tests.architecture.test_sizes import ROOT
from tests.patience import PATIENCE
from tests.rig import BIN, Rig

TEXT = (ROOT / "docs" / "meta-tools.md").read_text()
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)]
(FILE,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_commands_about_meta_tools_work_as_written(rig: Rig, tmp_path: Path) -> None:
    rig.admin("user", "create", "alice")
    secret = rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **rig.client_environment(secret)}
    rig.admin("mcp", "add", "time", "--publish", "--", str(BIN / "mcp-server-time"))
    (key,) = rig.admin_json("key", "list", "--user", "alice")
    printed = {}
    for program, *words in COMMANDS:
        if program == "ambassador-client":
            done = preloaded.run(program, *words, env=environment, stdin="", timeout=PATIENCE)
            assert done.returncode == 0, done.stderr
        else:
            done = rig.admin(*(key["id"] if word == "KEY" else word for word in words))
        printed[" ".join(words)] = done.stdout
    assert "alice" in printed["user list --filter meta_tools=on"]
    assert "inherit" in printed["key list --user alice -o wide"]
    keys = {each["name"]: each["meta_tools"] for each in rig.admin_json("key", "list", "--user", "alice")}
    assert keys == {"laptop": "inherit", "agent": "on"}
    declared = tmp_path / "agents.yaml"
    declared.write_text(FILE)
    rig.admin("apply", "-f", str(declared), "--yes", "--keys-to", str(tmp_path))
    assert rig.admin_json("user", "show", "bot")["meta_tools"] == "on"
    assert "0 to create, 0 to change" in rig.admin("diff", "-f", str(declared)).stderr
    exported = tmp_path / "exported.yaml"
    exported.write_text(rig.admin("export", "--owner", "ci/agents").stdout)
    assert "0 to create, 0 to change" in rig.admin("diff", "-f", str(exported)).stderr
    declared.write_text(FILE.replace("inherit", "off"))
    rig.admin("apply", "-f", str(declared), "--yes")
    assert [each["meta_tools"] for each in rig.admin_json("key", "list", "--user", "bot")] == ["off"]


def test_every_tool_and_every_argument_is_described() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TEXT, re.MULTILINE))
    assert rows.keys() == META_TOOL_NAMES
    for name, arguments in rows.items():
        assert re.findall(r"`(\w+)`", arguments) == list(DEFINITIONS[name]["inputSchema"]["properties"])
    assert f"`limit` ({USUALLY_FOUND}, at most {MOST_FOUND})" in rows["search_tools"]
