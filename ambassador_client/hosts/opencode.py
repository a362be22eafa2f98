"""opencode: `mcp` in `opencode.json` or `opencode.jsonc` (its documentation, "MCP servers" and "Config").

It uses the XDG directory on every platform.
"""

from pathlib import PurePath
from typing import Any

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Launch, Machine


def _directory(machine: Machine) -> PurePath:
    return machine.directory("OPENCODE_CONFIG_DIR", machine.config / "opencode")


def _file(machine: Machine) -> PurePath:
    commented = _directory(machine) / "opencode.jsonc"
    return commented if machine.local(commented).exists() else _directory(machine) / "opencode.json"


def _entry(launch: Launch) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "local", "command": [launch.command, *launch.arguments], "enabled": True}
    return entry | ({"environment": dict(launch.environment)} if launch.environment else {})


HOST = Host(
    name="opencode",
    title="opencode",
    tool="opencode",
    editor=JsoncEditor(),
    container="mcp",
    file=_file,
    detection_paths=lambda machine: [_directory(machine)],
    commands=("opencode",),
    entry=_entry,
    skeleton={"$schema": "https://opencode.ai/config.json"},
)
