"""The status of an application: whether it is installed, has the entry, and whether the entry is unchanged."""

import os
import shutil
from dataclasses import dataclass
from typing import Any

from ambassador_client.errors import ClientError
from ambassador_client.hosts.formats.editor import FormatError, find, is_same
from ambassador_client.hosts.installing import host_file
from ambassador_client.hosts.installing.host import Host, Launch, Machine
from ambassador_client.hosts.installing.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """One line of `hosts`; `configured` is yes, no, drifted or unknown; `detail` is the reason."""

    name: str
    title: str
    installed: bool
    configured: str
    detail: str
    file: str

    def view(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "title": self.title,
            "installed": self.installed,
            "configured": self.configured,
            "detail": self.detail or None,
            "file": self.file,
        }


def is_installed(host: Host, machine: Machine) -> bool:
    """Tell whether the application is installed, by its program or by paths that only it creates."""
    path = machine.environ.get("PATH", os.defpath)
    return any(shutil.which(command, path=path) for command in host.commands) or any(
        machine.local(sign).exists() for sign in host.detection_paths(machine)
    )


def status_of(host: Host, machine: Machine, journal: Journal, launch: Launch) -> HostStatus:
    """Return the status; `launch` is the command that `install` would write now."""
    try:
        configured, detail = _compare(host, machine, journal, launch)
    except ClientError as error:
        configured, detail = "unknown", error.cause
    except FormatError as error:
        configured, detail = "unknown", str(error)
    return HostStatus(
        name=host.name,
        title=host.title,
        installed=is_installed(host, machine),
        configured=configured,
        detail=detail,
        file=str(host.file(machine)),
    )


def _compare(host: Host, machine: Machine, journal: Journal, launch: Launch) -> tuple[str, str]:
    found = host_file.read_host_file(machine.local(host.file(machine)))
    entry = find(host.editor.load(found.text), host.entry_path)
    if entry is None:
        return "no", ""
    if not isinstance(entry, dict):
        return "drifted", "the entry is not a mapping"
    written = journal.record(host.name).ours.entry
    expected = host.entry(launch) if written is None else written
    names = (
        {"command", "cmd"} if written is None else host.managed()
    )  # only the program of an entry added by hand is compared
    differing = sorted(name for name in names if not is_same(entry.get(name), expected.get(name)))
    if differing:
        return "drifted", f"{', '.join(differing)} differ{'s' if len(differing) == 1 else ''}"
    command = entry.get("command", entry.get("cmd"))
    program = command[0] if isinstance(command, list) and command else command
    if not isinstance(program, str) or not os.access(machine.local(type(machine.home)(program)), os.X_OK):
        return "drifted", f"{program} does not exist"
    return "yes", ""
