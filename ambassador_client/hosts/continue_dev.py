"""Continue: the list `mcpServers` in `config.yaml` (its documentation, "config.yaml Reference").

Continue ignores `config.json` once there is a `config.yaml`, so none is created beside an old `config.json`.
"""

from pathlib import PurePath
from typing import Any

from ambassador_client.hosts.formats.yaml import YamlEditor
from ambassador_client.hosts.installing.host import ENTRY, Host, Launch, Machine, stdio_entry


def _directory(machine: Machine) -> PurePath:
    return machine.directory("CONTINUE_GLOBAL_DIR", machine.home / ".continue")


def _old_file(machine: Machine) -> str | None:
    directory = machine.local(_directory(machine))
    if (directory / "config.yaml").exists() or not (directory / "config.json").exists():
        return None
    return f"Continue would ignore {directory / 'config.json'} if config.yaml existed; migrate it to config.yaml first"


def _entry(launch: Launch) -> dict[str, Any]:
    return {"name": ENTRY, "type": "stdio", **stdio_entry(launch)}


HOST = Host(
    name="continue_dev",
    title="Continue",
    tool="custom",
    editor=YamlEditor(),
    container="mcpServers",
    file=lambda machine: _directory(machine) / "config.yaml",
    detection_paths=lambda machine: [_directory(machine)],
    commands=("cn",),
    entry=_entry,
    in_list=True,
    skeleton={"name": "Local", "version": "0.0.1", "schema": "v1"},
    blocking_reason=_old_file,
)
