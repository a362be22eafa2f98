"""The tables of docs/hosts.md, generated from the client's applications and directories."""

import re
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from ambassador_admin.directories import cache_directory
from ambassador_admin.directories import config_directory as admin_directory
from ambassador_client.account.paths import config_directory, runtime_directory, state_directory
from ambassador_client.hosts.installing.host import PLATFORMS, Machine
from ambassador_client.hosts.installing.registry import all_hosts

PAGE = "docs/hosts.md"
_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HOMES: dict[str, PurePath] = {
    "linux": PurePosixPath("~"),
    "darwin": PurePosixPath("~"),
    "win32": PureWindowsPath("%USERPROFILE%"),
}
_OURS: dict[str, Callable[..., Path]] = {
    "accounts of the client": config_directory,
    "its journals, certificates and backups": state_directory,
    "its sessions": runtime_directory,
    "contexts of `ambassador-admin`": admin_directory,
    "names it completes on Tab": cache_directory,
}


def page(root: Path) -> str:
    """Return the page with generated tables; the rest is written by hand."""
    text = (root / PAGE).read_text(encoding="utf-8")
    return _TABLE.sub(lambda found: f"{found[1]}{_TABLES[found[2]]()}{found[3]}", text)


def _applications() -> str:
    rows = {
        f"{host.title} (`{host.name}`)": [
            _shown(host.file(Machine(home=_HOMES[platform], platform=platform, environ={})), platform)
            for platform in PLATFORMS
        ]
        for host in all_hosts()
    }
    return _table("application", rows)


def _directories() -> str:
    rows = {
        what: [_of_ours(directory, platform) for platform in PLATFORMS] for what, directory in _OURS.items()
    }
    return _table("directory", rows)


def _of_ours(directory: Callable[..., Path], platform: str) -> str:
    environ = {"XDG_RUNTIME_DIR": "/run/user/UID"} if platform == "linux" else {}
    path = directory(environ, platform)
    below = path.relative_to(Path.home()) if path.is_relative_to(Path.home()) else path
    return _shown(_HOMES[platform] / below, platform)


def _shown(path: PurePath, platform: str) -> str:
    text = str(path)
    if platform == "win32":
        text = text.replace(r"%USERPROFILE%\AppData\Roaming", "%APPDATA%")
        text = text.replace(r"%USERPROFILE%\AppData\Local", "%LOCALAPPDATA%")
    return text


def _table(first: str, rows: dict[str, list[str]]) -> str:
    lines = [
        f"| {first} | {' | '.join(PLATFORMS.values())} |",
        "|---|---|---|---|",
        *(f"| {name} | {' | '.join(f'`{cell}`' for cell in cells)} |" for name, cells in rows.items()),
    ]
    return "\n".join(lines) + "\n"


_TABLES = {"applications": _applications, "directories": _directories}
