"""The commands in `docs/broadcasts.md` are run as they are written, and its tables name every mode and setting."""

import re
import shlex
from pathlib import Path

from ambassador_server.domain.catalog.mcps import Broadcast
from ambassador_server.services.calls.broadcast_definitions import OUTPUT_SCHEMA
from ambassador_server.services.calls.broadcasts import BroadcastBounds
from ambassador_server.setting_sections import BroadcastsSection
from tests.architecture.test_sizes import ROOT
from tests.end_to_end.scripted_server import options, tool
from tests.rig import Rig

TEXT = (ROOT / "docs" / "broadcasts.md").read_text()
SEARCH = {
    **tool("search", description="Searches the logs."),
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    "annotations": {"readOnlyHint": True},
}


def test_the_commands_work_as_written(rig: Rig, tmp_path: Path) -> None:
    rig.admin("user", "create", "alice")
    rig.admin("group", "create", "people")
    rig.admin("group", "add-member", "people", "alice")
    for name in ("logs-east", "logs-west"):
        (tmp_path / name).mkdir()
        words = options(tmp_path / name, {"tools": [SEARCH]})["command"]
        rig.admin("mcp", "add", name, "--publish", "--grant", "people", "--", *words)
    key = rig.admin_json("key", "issue", "alice", "--name", "laptop")["preshared_key"]
    printed: dict[str, str] = {}
    for program, *words in map(shlex.split, re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)):
        env = rig.admin_environment() if program == "ambassador-admin" else rig.client_environment(key)
        printed[" ".join(words)] = rig.run(program, *words, env=env).stdout
    assert "broadcast__search" in printed["mcp tools logs-east -o wide"]
    assert "broadcast__by_tag__logs" in printed["tools list"]
    called = [text for words, text in printed.items() if words.startswith("call ")]
    assert ["[logs-east]" in text for text in called] == [True, False, True]
    assert all("BROADCAST RESULTS: search" in text and "[logs-west]" in text for text in called)
    listed = rig.run("ambassador-client", "tools", "list", env=rig.client_environment(key)).stdout
    assert "broadcast__" not in listed


def test_every_mode_setting_and_member_is_described() -> None:
    assert {mode.replace("_", "-") for mode in Broadcast} <= set(
        re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.M)
    )
    for name, value in BroadcastsSection().model_dump().items():
        assert (
            f"| `{name}` | {value:,g} |" in TEXT
            if isinstance(value, float)
            else f"| `{name}` | {value:,} |" in TEXT
        )
        assert value == getattr(BroadcastBounds(), name)
    for member in OUTPUT_SCHEMA["required"]:
        assert f'"{member}": ' in TEXT
