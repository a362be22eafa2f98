"""JetBrains Junie: `mcpServers` in `~/.junie/mcp/mcp.json` (its documentation, "MCP configuration")."""

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host

HOST = Host(
    name="junie",
    title="JetBrains Junie",
    tool="jetbrains",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.home / ".junie" / "mcp" / "mcp.json",
    detection_paths=lambda machine: [machine.home / ".junie"],
    commands=("junie",),
)
