"""The description of an application: its file, the place of the entry in it, and the form of the entry."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from ambassador_client.account import paths
from ambassador_client.hosts.formats.editor import Editor, ElementNamed, EntryPath

ENTRY = "ambassador"
PLATFORMS: Final = {
    "linux": "Linux",
    "darwin": "macOS",
    "win32": "Windows",
}  # every host has a file on each platform

# Members that users change in their application: written once and not updated later.
_USER_MEMBERS = frozenset({"description", "enabled", "timeout", "tools"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine: a home directory, a platform as in `sys.platform`, and the environment.

    Paths have the flavour of `home`, so that tests can describe other platforms.
    """

    home: PurePath
    platform: str
    environ: Mapping[str, str]

    @classmethod
    def current(cls) -> "Machine":
        """Return the machine this process runs on."""
        return cls(home=paths.home(), platform=sys.platform, environ=os.environ)

    def local(self, path: PurePath) -> Path:
        """Return the local path for a path of this machine."""
        return Path(path)

    def path_from(self, variable: str) -> PurePath | None:
        """Return the absolute path in a variable, or None."""
        path = type(self.home)(self.environ.get(variable, ""))
        return path if path.is_absolute() else None

    def directory(self, variable: str, otherwise: PurePath) -> PurePath:
        """Return the directory in a variable, or `otherwise`."""
        return self.path_from(variable) or otherwise

    @property
    def config(self) -> PurePath:
        """Return the XDG configuration directory, which many applications use on every platform."""
        return self.directory("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def application_data(self) -> PurePath:
        """Return the platform's directory for the settings of desktop applications."""
        if self.platform == "win32":
            return self.directory("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.config


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The command that an application starts; contains no secret."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def stdio_entry(launch: Launch) -> dict[str, Any]:
    """Return the entry in its most common form: command, args and, if needed, env."""
    entry: dict[str, Any] = {"command": launch.command, "args": list(launch.arguments)}
    return entry | ({"env": dict(launch.environment)} if launch.environment else {})


def typed_entry(launch: Launch) -> dict[str, Any]:
    """Return the common form with the transport type."""
    return {"type": "stdio", **stdio_entry(launch)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Host:
    """One application.

    `name` is the configuration word, `tool` the host tool name for the server, `container` the member that contains the
    entries, `detection_paths` paths that only the application creates, `commands` its programs, `skeleton` the other
    members of a new file, `blocking_reason` returns why the file must not be changed, or None.
    """

    name: str
    title: str
    tool: str
    editor: Editor
    container: str
    file: Callable[[Machine], PurePath]
    detection_paths: Callable[[Machine], Sequence[PurePath]]
    commands: tuple[str, ...] = ()
    entry: Callable[[Launch], dict[str, Any]] = stdio_entry
    in_list: bool = False
    skeleton: Mapping[str, Any] = field(default_factory=dict)
    blocking_reason: Callable[[Machine], str | None] = lambda _: None

    @property
    def entry_path(self) -> EntryPath:
        """Return the path of the entry in the file."""
        return (self.container, ElementNamed(ENTRY) if self.in_list else ENTRY)

    def managed(self) -> frozenset[str]:
        """Return the members of the entry that `install` updates; others belong to the application or the user."""
        every = self.entry(Launch(command="", arguments=(), environment={"": ""}))
        return frozenset(every) - _USER_MEMBERS
