"""The directories of this program's files, by platform."""

import sys
from collections.abc import Mapping
from pathlib import Path

from ambassador_client.account.paths import state_directory

_APPLICATION = "mcp-ambassador"


def config_directory(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the user's directory for contexts, certificates and keys."""
    return (
        _directory(environ, platform, "XDG_CONFIG_HOME", ".config")
        or state_directory(environ, platform) / "admin"
    )


def cache_directory(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the user's directory for files that can be recreated at any time."""
    if platform == "darwin":
        return Path.home() / "Library" / "Caches" / _APPLICATION / "admin"
    directory = _directory(environ, platform, "XDG_CACHE_HOME", ".cache")
    return directory or state_directory(environ, platform) / "Cache" / "admin"


def _directory(environ: Mapping[str, str], platform: str, variable: str, otherwise: str) -> Path | None:
    if platform in ("win32", "darwin"):
        return None
    chosen = Path(environ.get(variable, ""))
    base = chosen if chosen.is_absolute() else Path.home() / otherwise
    return base / _APPLICATION / "admin"
