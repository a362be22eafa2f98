"""What each application's file becomes; `python -m tests.client.hosts.goldens` writes the goldens again."""

from collections.abc import Iterator
from pathlib import Path

from ambassador_client.hosts.formats.editor import Named
from ambassador_client.hosts.formats.jsonc import JsoncEditor
from ambassador_client.hosts.formats.toml import TomlEditor
from ambassador_client.hosts.installing.change import Installer
from ambassador_client.hosts.installing.host import Host, Launch, Machine
from ambassador_client.hosts.installing.journal import Journal
from ambassador_client.hosts.installing.registry import all_hosts

DIRECTORY = Path(__file__).parent / "goldens"
LAUNCH = Launch(
    command="/opt/bin/ambassador-client",
    arguments=("proxy", "--host-tool", "custom"),
    environment={"MCP_AMBASSADOR_URL": "https://ambassador.example.com"},
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
    """Return a file of somebody who writes comments."""
    if isinstance(host.editor, JsoncEditor):
        return _JSONC % host.container
    if isinstance(host.editor, TomlEditor):
        return _TOML % host.container
    first = "  # theirs\n  - name: other\n" if isinstance(host.place[-1], Named) else "  other:  # theirs\n"
    return _YAML % (host.container, first)


def outdated(host: Host) -> str:
    """Return the same with an entry of ours from before, and a member in it that is the user's."""
    return host.editor.put(commented(host), host.place, {**host.entry(OLD), "note": "mine"})


def cases(host: Host, home: Path) -> Iterator[tuple[str, str]]:
    file = host.file(machine(home))
    for name, text in (("no file", None), ("comments", commented(host)), ("old entry", outdated(host))):
        file.unlink(missing_ok=True)
        if text is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        changes = installer(home)
        changes.make(changes.plan_install(host, LAUNCH))
        yield name, file.read_bytes().decode()


def golden(host: Host, home: Path) -> str:
    return "".join(f"======== {name}\n{text}" for name, text in cases(host, home))


if __name__ == "__main__":
    import tempfile

    DIRECTORY.mkdir(exist_ok=True)
    for each in all_hosts():
        with tempfile.TemporaryDirectory() as directory:
            (DIRECTORY / f"{each.name}.txt").write_text(golden(each, Path(directory)), encoding="utf-8")
