"""Codex CLI: `[mcp_servers.NAME]` in `config.toml` below CODEX_HOME (its "Configuration Reference")."""

from ambassador_client.hosts.formats.toml import TomlEditor
from ambassador_client.hosts.installing.host import Host

HOST = Host(
    name="codex_cli",
    title="Codex CLI",
    tool="codex",
    editor=TomlEditor(),
    container="mcp_servers",
    file=lambda machine: machine.directory("CODEX_HOME", machine.home / ".codex") / "config.toml",
    detection_paths=lambda machine: [machine.directory("CODEX_HOME", machine.home / ".codex")],
    commands=("codex",),
)
