"""Claude Code: `mcpServers` in `.claude.json`, the user scope (its documentation, "Connect to tools via MCP")."""

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, typed_entry

HOST = Host(
    name="claude_code",
    title="Claude Code",
    tool="claude-code",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.directory("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json",
    detection_paths=lambda machine: [
        machine.directory("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json",
        machine.directory("CLAUDE_CONFIG_DIR", machine.home / ".claude"),
    ],
    commands=("claude",),
    entry=typed_entry,
)
