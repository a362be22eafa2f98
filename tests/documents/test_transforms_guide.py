"""The commands of the chapter about transforms in `docs/guard-rails.md` are run as they are written."""

import json
import re
from pathlib import Path

from ambassador_server.domain.catalog.transforms import ToolTransform
from tests.documents.test_guard_rails import chapter, commands
from tests.end_to_end.scripted_server import options, tool
from tests.rig import Rig

CHAPTER, COMMANDS = chapter("Transforms"), commands("Transforms")
SEARCH = {"query": {"type": "string"}, "project": {"type": "string"}, "limit": {"type": "integer"}}


def publish(rig: Rig, directory: Path) -> None:
    schema = {"type": "object", "properties": SEARCH, "required": ["query", "project"]}
    tools = [
        {**tool("search_issues", description="Finds issues."), "inputSchema": schema},
        tool("delete_issue"),
    ]
    words = options(directory, {"tools": tools})["command"]
    rig.admin("mcp", "add", "issues", "--publish", "--", *words)


def test_the_commands_work_as_written(rig: Rig, tmp_path: Path) -> None:
    publish(rig, tmp_path)
    printed: dict[str, str] = {}
    for program, *words in COMMANDS:
        assert program == "ambassador-admin"
        printed[" ".join(words)] = rig.admin(*words).stdout
    assert len(COMMANDS) == 10
    shown = {each["own_name"]: each for each in json.loads(printed["mcp tools issues -o json"])}
    found = shown["search_issues"]
    assert (found["name"], found["published_as"]) == ("issues.search", "issues__search")
    assert found["description"] == "Finds issues.\n\nFinds issues of the project WEB only."
    assert found["own_description"] == "Finds issues."
    assert shown["delete_issue"]["hidden"]
    assert "issues.delete_issue" in printed["mcp tools issues --filter hidden=true"]
    assert "issues.search" not in printed["mcp tools issues --filter hidden=true"]
    left = rig.admin_json("mcp", "show", "issues")["transforms"]
    assert left == {
        "delete_issue": {"hidden": True},
        "*": {"annotations": {"openWorldHint": False}, "result_bytes": 200000},
    }


def test_the_file_declares_what_the_commands_do(rig: Rig, tmp_path: Path) -> None:
    publish(rig, tmp_path)
    (document,) = re.findall(r"```yaml\n(.+?)```", CHAPTER, re.DOTALL)
    file = tmp_path / "issues.yaml"
    file.write_text(f"owner: null\n{document}")
    rig.admin("apply", "-f", str(file), "--yes")
    assert rig.admin_json("mcp", "show", "issues")["transforms"]["search_issues"] == {
        "name": "search",
        "fixed_arguments": {"project": "WEB"},
        "default_arguments": {"limit": 20},
    }
    rig.admin("diff", "-f", str(file))
    exported = rig.admin("export").stdout
    assert "fixed_arguments" in exported
    file.write_text(exported)
    rig.admin("diff", "-f", str(file))


def test_every_option_is_described() -> None:
    options = set(re.findall(r"`--([a-z-]+)[ `]", CHAPTER.partition("| option |")[2].partition("\n\n")[0]))
    assert options == {
        "rename",
        "description",
        "description-suffix",
        "hide",
        "show",
        "fixed",
        "default",
        "annotation",
        "result-bytes",
        "timeout",
    }
    assert len(options) - 1 == len(ToolTransform.__dataclass_fields__)
