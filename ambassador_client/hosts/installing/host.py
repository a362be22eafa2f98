"""What an application is to us: where its file lies, where our entry stands in it, and how the entry looks."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from ambassador_client.account import paths
from ambassador_client.hosts.formats.editor import Editor, ElementNamed, EntryPath

ENTRY = "ambassador"
PLATFORMS: Final = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}  # every host has a file on each

# Members that people change in their application: we set them once, and leave them alone then.
_USER_MEMBERS = frozenset({"description", "enabled", "timeout", "tools"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Whose applications are meant: a home directory, a platform as in `sys.platform`, the environment.

    Paths are written in the way of `home`, be it ours or another platform's.
    """

    home: PurePath
    platform: str
    environ: Mapping[str, str]

    @classmethod
    def current(cls) -> "Machine":
        """Return the machine we run on."""
        return cls(home=paths.home(), platform=sys.platform, environ=os.environ)

    def local(self, path: PurePath) -> Path:
        """Return where a path of this machine is found."""
        return Path(path)

    def path_from(self, variable: str) -> PurePath | None:
        """Return the path a variable holds; an empty or relative one does not count."""
        path = type(self.home)(self.environ.get(variable, ""))
        return path if path.is_absolute() else None

    def directory(self, variable: str, otherwise: PurePath) -> PurePath:
        """Return the directory a variable names, or the other one."""
        return self.path_from(variable) or otherwise

    @property
    def config(self) -> PurePath:
        """Return the directory of the XDG specification, which many applications use on every platform."""
        return self.directory("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def application_data(self) -> PurePath:
        """Return the directory where desktop applications of the platform keep their settings."""
        if self.platform == "win32":
            return self.directory("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.config


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an application is to start; nothing in it is a secret."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def stdio_entry(launch: Launch) -> dict[str, Any]:
    """Return the entry in its most common form: command, args and, where needed, env."""
    entry: dict[str, Any] = {"command": launch.command, "args": list(launch.arguments)}
    return entry | ({"env": dict(launch.environment)} if launch.environment else {})


def typed_entry(launch: Launch) -> dict[str, Any]:
    """Return the common form with the transport named first."""
    return {"type": "stdio", **stdio_entry(launch)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Host:
    """One application.

    `name` is the configuration word, `tool` what the server knows the application as, `container` the path of the
    entries in the file, `detection_paths` the paths that only the application makes, `commands` its programs.
    `skeleton` is what a file needs besides an entry when we make it.
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
        """Return the path of our entry in the file."""
        return (self.container, ElementNamed(ENTRY) if self.in_list else ENTRY)

    def managed(self) -> frozenset[str]:
        """Return the members of the entry that are ours; others are the application's and the user's."""
        every = self.entry(Launch(command="", arguments=(), environment={"": ""}))
        return frozenset(every) - _USER_MEMBERS
