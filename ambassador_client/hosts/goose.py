"""goose: `extensions` in `config.yaml` (its documentation, "Configuration Files")."""

from pathlib import PurePath
from typing import Any

from ambassador_client.hosts.formats.yaml import YamlEditor
from ambassador_client.hosts.installing.host import ENTRY, Host, Launch, Machine


def _directory(machine: Machine) -> PurePath:
    if (root := machine.path_from("GOOSE_PATH_ROOT")) is not None:
        return root / "config"
    if machine.platform == "win32":
        return machine.application_data / "Block" / "goose" / "config"
    return machine.config / "goose"


def _entry(launch: Launch) -> dict[str, Any]:
    return {
        "enabled": True,
        "type": "stdio",
        "name": ENTRY,
        "description": "The tools of MCP Ambassador",
        "cmd": launch.command,
        "args": list(launch.arguments),
        "envs": dict(launch.environment),
        "env_keys": [],
        "timeout": 300,
    }


HOST = Host(
    name="goose",
    title="goose",
    tool="goose",
    editor=YamlEditor(),
    container="extensions",
    file=lambda machine: _directory(machine) / "config.yaml",
    detection_paths=lambda machine: [_directory(machine)],
    commands=("goose",),
    entry=_entry,
)
