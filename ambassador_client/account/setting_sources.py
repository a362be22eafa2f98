"""Where a setting may stand: flag before environment before configuration file."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ambassador_client.errors import SettingsError

T = TypeVar("T")

LARGEST_FILE = 1 << 20

ACCOUNT_VARIABLE = "MCP_AMBASSADOR_ACCOUNT"

ENVIRONMENT = {
    "server_url": "MCP_AMBASSADOR_URL",
    "preshared_key": "MCP_AMBASSADOR_PRESHARED_KEY",
    "friendly_name": "MCP_AMBASSADOR_FRIENDLY_NAME",
    "host_tool": "MCP_AMBASSADOR_HOST_TOOL",
    "heartbeat_interval_seconds": "MCP_AMBASSADOR_HEARTBEAT_INTERVAL",
    "allow_self_signed": "MCP_AMBASSADOR_ALLOW_SELF_SIGNED",
    "ca_file": "MCP_AMBASSADOR_CA_FILE",
    "fingerprint": "MCP_AMBASSADOR_FINGERPRINT",
    "account": ACCOUNT_VARIABLE,
}

FLAGS = {
    "server_url": "--server",
    "friendly_name": "--friendly-name",
    "host_tool": "--host-tool",
    "heartbeat_interval_seconds": "--heartbeat-interval",
    "allow_self_signed": "--allow-self-signed",
    "ca_file": "--ca-file",
    "fingerprint": "--fingerprint",
    "account": "--account",
}

# Members of the original's configuration file that have no meaning here: nothing is cached that could go stale.
_IGNORED_MEMBERS = frozenset({"cache_ttl_seconds", "disable_cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line may say; the preshared key never comes this way, because process lists are public."""

    config: Path | None = None
    server_url: str | None = None
    friendly_name: str | None = None
    host_tool: str | None = None
    heartbeat_interval_seconds: str | None = None
    allow_self_signed: bool | None = None
    ca_file: str | None = None
    fingerprint: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class SettingSources:
    """The places where a setting may stand."""

    flags: Flags
    environ: Mapping[str, str]
    config: Mapping[str, Any]

    def find(self, name: str) -> tuple[Any, str] | None:
        """Return the value that counts and where it stands; an empty variable counts as none."""
        flag = getattr(self.flags, name, None)
        if flag is not None:
            return flag, FLAGS[name]
        variable = ENVIRONMENT[name]
        if self.environ.get(variable):
            return self.environ[variable], variable
        if self.config.get(name) is not None:
            return self.config[name], f"{self.flags.config} ({name})"
        return None

    def take(self, name: str, read: Callable[[Any], T], default: T) -> T:
        """Return the value that counts, read by `read`, which raises ValueError with what would be right."""
        found = self.find(name)
        if found is None:
            return default
        value, place = found
        try:
            return read(value)
        except ValueError as error:
            raise SettingsError(f"{place} is wrong: {error}", f"Correct {place}.") from error


def read_config(path: Path) -> dict[str, Any]:
    """Return the members of a configuration file; raises SettingsError where it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE)
        config = json.loads(content)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}", "Check --config.") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not a JSON file", "Correct it, or leave out --config.") from error
    if not isinstance(config, dict):
        raise SettingsError(f"{path} is not a JSON object", 'Write {"server_url": "https://…"} into it.')
    unknown = sorted(set(config) - set(ENVIRONMENT) - _IGNORED_MEMBERS)
    if unknown:
        known = ", ".join(ENVIRONMENT)
        raise SettingsError(f"{path} has a member nobody knows: {unknown[0]}", f"Known are: {known}.")
    return config
