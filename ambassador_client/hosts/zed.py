"""Zed: `context_servers` in `settings.json` (its documentation, "Model Context Protocol" and "Configuring Zed")."""

from pathlib import PurePath
from typing import Any

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Launch, Machine, stdio_entry


def _directory(machine: Machine) -> PurePath:
    if machine.platform == "win32":
        return machine.application_data / "Zed"
    if machine.platform == "darwin":
        return machine.home / ".config" / "zed"
    return machine.directory("FLATPAK_XDG_CONFIG_HOME", machine.config) / "zed"


def _entry(launch: Launch) -> dict[str, Any]:
    return {"source": "custom", "enabled": True, **stdio_entry(launch)}


HOST = Host(
    name="zed",
    title="Zed",
    tool="zed",
    editor=JsoncEditor(),
    container="context_servers",
    file=lambda machine: _directory(machine) / "settings.json",
    detection_paths=lambda machine: [_directory(machine)],
    commands=("zed", "zeditor"),
    entry=_entry,
)
