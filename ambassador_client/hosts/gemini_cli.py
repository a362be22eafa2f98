"""Gemini CLI: `mcpServers` in `~/.gemini/settings.json` (its documentation, "Gemini CLI configuration").

GEMINI_CLI_HOME replaces the home directory.
"""

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host

HOST = Host(
    name="gemini_cli",
    title="Gemini CLI",
    tool="gemini-cli",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: machine.directory("GEMINI_CLI_HOME", machine.home) / ".gemini" / "settings.json",
    detection_paths=lambda machine: [machine.directory("GEMINI_CLI_HOME", machine.home) / ".gemini"],
    commands=("gemini",),
)
