"""Goldens of each application's file; `python -m tests.client.hosts.goldens` writes them again."""

import ntpath
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import ModuleType
from typing import NamedTuple

from ambassador_client.hosts.formats.editor import ElementNamed
from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.formats.toml import TomlEditor
from ambassador_client.hosts.installing.host import PLATFORMS, Host, Launch, Machine
from ambassador_client.hosts.installing.installer import Installer
from ambassador_client.hosts.installing.journal import Journal
from ambassador_client.hosts.installing.launch import LaunchOptions, launch_for
from ambassador_client.hosts.installing.registry import all_hosts
from tests.client.fake_server import KEY

URL = "https://ambassador.example.com"
DIRECTORY = Path(__file__).parent / "goldens"
LAUNCH = Launch(
    command="/opt/bin/ambassador-client",
    arguments=("proxy", "--host-tool", "custom"),
    environment={"MCP_AMBASSADOR_URL": URL},
)
OLD = Launch(command="/old/venv/bin/ambassador-client", arguments=("proxy",), environment={"OLD": "1"})

_JSONC = """\
// mine
{
    "theme": "dark", // at night
    "%s": {
        /* theirs */
        "other": {"command": "npx", "args": ["-y", "other"]}, // keep
    },
}
"""
_TOML = """\
# mine
theme = "dark"   # at night

[%s.other]  # theirs
command = 'npx'

[profile]
x = 1
"""
_YAML = """\
# mine
theme: "dark"   # at night
%s:
%s    command: 'npx'  # keep

last: [1,
  2]
"""


def machine(home: Path, platform: str = "linux", **environ: str) -> Machine:
    return Machine(home=home, platform=platform, environ=environ)


def installer(home: Path) -> Installer:
    return Installer(machine(home), Journal(home / "state"))


def commented(host: Host) -> str:
    """Return a file with comments."""
    if isinstance(host.editor, JsoncEditor):
        return _JSONC % host.container
    if isinstance(host.editor, TomlEditor):
        return _TOML % host.container
    first = (
        "  # theirs\n  - name: other\n"
        if isinstance(host.entry_path[-1], ElementNamed)
        else "  other:  # theirs\n"
    )
    return _YAML % (host.container, first)


def outdated(host: Host) -> str:
    """Return the same file with an older entry of this client that contains a member of the user."""
    return host.editor.put(commented(host), host.entry_path, {**host.entry(OLD), "note": "mine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherMachine(Machine):
    """A machine of another platform, with its files below a test directory."""

    root: Path

    def local(self, path: PurePath) -> Path:
        return self.root.joinpath(*path.parts[1:])


class Platform(NamedTuple):
    """The platform-specific values from which an entry is made."""

    home: PurePath
    paths: ModuleType
    program: str
    certificate: str
    environ: Mapping[str, str] = {}


_ROAMING, _LOCAL = r"C:\Users\my näme\AppData\Roaming", r"C:\Users\my näme\AppData\Local"
_ELSEWHERE = {
    "linux": Platform(
        PurePosixPath("/home/me"), posixpath, "/home/me/.local/bin/ambassador-client", "/etc/ssl/ours.pem"
    ),
    "darwin": Platform(
        PurePosixPath("/Users/me"), posixpath, "/Users/me/.local/bin/ambassador-client", "/etc/ssl/ours.pem"
    ),
    "win32": Platform(
        PureWindowsPath(r"C:\Users\my näme"),
        ntpath,
        r"C:\Users\my näme\.local\bin\ambassador-client.exe",
        r"C:\ProgramData\new\ours.pem",
        {"APPDATA": _ROAMING, "LOCALAPPDATA": _LOCAL},
    ),
}


def elsewhere(platform: str, root: Path, **more: str) -> OtherMachine:
    there = _ELSEWHERE[platform]
    environ = {**there.environ, "MCP_AMBASSADOR_URL": URL, "MCP_AMBASSADOR_PRESHARED_KEY": KEY, **more}
    return OtherMachine(home=there.home, platform=platform, environ=environ, root=root)


def launch_there(host: Host, machine: Machine) -> Launch:
    """Return the launch command that `install` writes on that machine."""
    there = _ELSEWHERE[machine.platform]
    options = LaunchOptions(ca_file=type(there.home)(there.certificate))
    return launch_for(host, options, machine.environ, (there.program,), paths=there.paths)


def cases(host: Host, machine: OtherMachine) -> Iterator[tuple[str, bytes | None]]:
    file = machine.local(host.file(machine))
    changes = Installer(machine, Journal(machine.root / "state"))
    for name, text in (("no file", None), ("comments", commented(host)), ("an old entry", outdated(host))):
        file.unlink(missing_ok=True)
        if text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        changes.make(changes.plan_install(host, launch_there(host, machine)))
        yield f"{name}, install", file.read_bytes()
        changes.make(changes.plan_uninstall(host))
        yield f"{name}, uninstall", file.read_bytes() if file.exists() else None
        for _ in range(2):
            back = changes.plan_undo(host)
            assert back is not None
            changes.undo(back)
        yield f"{name}, undo twice", file.read_bytes() if file.exists() else None


def golden(host: Host, platform: str, root: Path) -> str:
    """Return the states of the application's file as text; equal states are shown once."""
    machine = elsewhere(platform, root)
    lines = [f"{host.file(machine)}\n"]
    starts = {"comments": commented(host), "an old entry": outdated(host)}
    for name, content in cases(host, machine):
        before = starts.get(name.partition(",")[0])
        text = None if content is None else content.decode()
        told = "(no file)\n" if text is None else "(as it was)\n" if text == before else text
        lines.append(f"======== {name}\n{told}")
    return "".join(lines)


def path_of(host: Host, platform: str) -> Path:
    return DIRECTORY / platform / f"{host.name}.txt"


if __name__ == "__main__":
    import tempfile

    for system in PLATFORMS:
        (DIRECTORY / system).mkdir(parents=True, exist_ok=True)
        for each in all_hosts():
            with tempfile.TemporaryDirectory() as directory:
                path_of(each, system).write_bytes(golden(each, system, Path(directory)).encode())
