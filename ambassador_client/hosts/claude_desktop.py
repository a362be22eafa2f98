"""Claude Desktop: `mcpServers` in `claude_desktop_config.json` (MCP documentation, "Connect to local MCP servers").

The Microsoft Store package has its own directory in place of APPDATA. On Linux the XDG directory is used.
"""

from pathlib import PurePath

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Machine

_STORE = PurePath("Packages", "Claude_pzs8sxrjxfjjc", "LocalCache", "Roaming")


def _directory(machine: Machine) -> PurePath:
    if machine.platform == "win32":
        local = machine.directory("LOCALAPPDATA", machine.home / "AppData" / "Local")
        if machine.local(local / _STORE).is_dir():
            return local / _STORE / "Claude"
    return machine.application_data / "Claude"


HOST = Host(
    name="claude_desktop",
    title="Claude Desktop",
    tool="claude-desktop",
    editor=JsoncEditor(),
    container="mcpServers",
    file=lambda machine: _directory(machine) / "claude_desktop_config.json",
    detection_paths=lambda machine: [_directory(machine)],
)
