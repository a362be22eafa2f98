"""The directories of the client per platform: the same as platformdirs, without its import time."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ambassador_client.errors import SettingsError

_APPLICATION = "mcp-ambassador"


def home() -> Path:
    """Return the user's home directory; raises SettingsError if it is unknown, as in some containers."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise SettingsError("the home directory of this user is not known", "Set HOME.") from error


def runtime_directory(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the directory for files that may be lost at logout: XDG_RUNTIME_DIR, else the state directory."""
    if (
        platform not in ("win32", "darwin")
        and (runtime := _absolute(environ.get("XDG_RUNTIME_DIR"))) is not None
    ):
        return runtime / _APPLICATION
    return state_directory(environ, platform)


def state_directory(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the user's directory for state: journals, certificates and backups."""
    if platform == "win32":
        local = _absolute(environ.get("LOCALAPPDATA"))
        return (local or home() / "AppData" / "Local") / _APPLICATION
    if platform == "darwin":
        return home() / "Library" / "Application Support" / _APPLICATION
    state = _absolute(environ.get("XDG_STATE_HOME"))
    return (state or home() / ".local" / "state") / _APPLICATION


def config_directory(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the user's directory for configuration: accounts and their keys."""
    if platform in ("win32", "darwin"):
        return state_directory(environ, platform) / "client"
    chosen = _absolute(environ.get("XDG_CONFIG_HOME"))
    return (chosen or home() / ".config") / _APPLICATION / "client"


def _absolute(value: str | None) -> Path | None:
    # The XDG specification requires that relative paths are ignored.
    return path if value and (path := Path(value)).is_absolute() else None


def expanded(path: str) -> Path:
    """Return the path with `~` replaced by the home directory; unchanged if the home is unknown."""
    return Path(os.path.expanduser(path))
