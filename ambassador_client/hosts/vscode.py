"""Visual Studio Code: `servers` in the `mcp.json` of the user profile (its "MCP configuration reference")."""

from pathlib import PurePath

from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.installing.host import Host, Machine, typed_entry


def _user(machine: Machine) -> PurePath:
    if (portable := machine.path_from("VSCODE_PORTABLE")) is not None:
        return portable / "user-data" / "User"
    return machine.application_data / "Code" / "User"


def _file(machine: Machine) -> PurePath:
    return _user(machine) / "mcp.json"


HOST = Host(
    name="vscode",
    title="Visual Studio Code",
    tool="vscode",
    editor=JsoncEditor(),
    container="servers",
    file=_file,
    detection_paths=lambda machine: [_user(machine)],
    commands=("code",),
    entry=typed_entry,
)
