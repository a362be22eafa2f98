"""Cline: `mcpServers` in `cline_mcp_settings.json`, which its command line and editors share (its "CLI Reference")."""

from pathlib import PurePath

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Machine


def _data(machine: Machine) -> PurePath:
    root = machine.directory("CLINE_DIR", machine.home / ".cline")
    return machine.directory("CLINE_DATA_DIR", root / "data")


def _file(machine: Machine) -> PurePath:
    return machine.directory(
        "CLINE_MCP_SETTINGS_PATH", _data(machine) / "settings" / "cline_mcp_settings.json"
    )


HOST = Host(
    name="cline",
    title="Cline",
    tool="custom",
    editor=JsoncEditor(),
    container="mcpServers",
    file=_file,
    detection_paths=lambda machine: [_data(machine)],
    commands=("cline",),
)
