"""GitHub Copilot CLI: `mcpServers` in `mcp-config.json` below COPILOT_HOME (its page "Adding MCP servers")."""

from typing import Any

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Launch, stdio_entry


def _entry(launch: Launch) -> dict[str, Any]:
    return {"type": "local", "tools": ["*"], **stdio_entry(launch)}


HOST = Host(
    name="copilot_cli",
    title="GitHub Copilot CLI",
    tool="cli",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.directory("COPILOT_HOME", machine.home / ".copilot") / "mcp-config.json",
    detection_paths=lambda machine: [machine.directory("COPILOT_HOME", machine.home / ".copilot")],
    commands=("copilot",),
    entry=_entry,
)
