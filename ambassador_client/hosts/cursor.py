"""Cursor: `mcpServers` in `~/.cursor/mcp.json` (its documentation, "Model Context Protocol")."""

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, typed_entry

HOST = Host(
    name="cursor",
    title="Cursor",
    tool="cursor",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.home / ".cursor" / "mcp.json",
    detection_paths=lambda machine: [machine.home / ".cursor"],
    commands=("cursor",),
    entry=typed_entry,
)
