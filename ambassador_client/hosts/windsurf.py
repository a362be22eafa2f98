"""Windsurf: `mcpServers` in `~/.codeium/windsurf/mcp_config.json` (its documentation, "Cascade MCP Integration")."""

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host

HOST = Host(
    name="windsurf",
    title="Windsurf",
    tool="windsurf",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.home / ".codeium" / "windsurf" / "mcp_config.json",
    detection_paths=lambda machine: [machine.home / ".codeium" / "windsurf"],
    commands=("windsurf",),
)
