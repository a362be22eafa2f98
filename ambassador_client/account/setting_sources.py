"""Finds the value of a setting: flags override the environment, which overrides the configuration file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ambassador_client.account.client_certificate import CERT_VARIABLE, KEY_VARIABLE, PASSPHRASE_VARIABLE
from ambassador_client.errors import SettingsError
from ambassador_protocol.json_text import parse_object

T = TypeVar("T")

_MAX_BYTES = 1 << 20

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
    "client_cert": CERT_VARIABLE,
    "client_key": KEY_VARIABLE,
    "client_key_passphrase": PASSPHRASE_VARIABLE,
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

# Members of the original's configuration file that are ignored: there is no such cache here.
_IGNORED_MEMBERS = frozenset({"cache_ttl_seconds", "disable_cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The settings on the command line; never the preshared key, because other processes can read command lines."""

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
    """The sources of settings."""

    flags: Flags
    environ: Mapping[str, str]
    config: Mapping[str, Any]

    def find(self, name: str) -> tuple[Any, str] | None:
        """Return the effective value and the name of its source, or None; an empty variable counts as not set."""
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
        """Return the effective value parsed by `read`, or the default; raises SettingsError for an invalid value."""
        found = self.find(name)
        if found is None:
            return default
        value, place = found
        try:
            return read(value)
        except ValueError as error:
            raise SettingsError(f"{place} is wrong: {error}", f"Correct {place}.") from error


def read_config(path: Path) -> dict[str, Any]:
    """Return the members of a JSON configuration file; raises SettingsError if it is invalid."""
    try:
        with path.open("rb") as file:
            config = parse_object(file.read(_MAX_BYTES))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}", "Check --config.") from error
    except ValueError as error:
        next_step = 'Write {"server_url": "https://…"} into it, or leave out --config.'
        raise SettingsError(f"{path} {error}", next_step) from error
    unknown = sorted(set(config) - set(ENVIRONMENT) - _IGNORED_MEMBERS)
    if unknown:
        known = ", ".join(ENVIRONMENT)
        raise SettingsError(f"{path} has an unknown member: {unknown[0]}", f"Known members: {known}.")
    return config
