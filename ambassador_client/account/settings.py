"""The client's settings: flag before environment before configuration file before default."""

import ipaddress
import json
import math
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from ambassador_client.errors import NoCredentialsError, SettingsError
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.sessions import HOST_TOOLS, RegisterRequest

T = TypeVar("T")

_HEARTBEAT = (15.0, 120.0, 300.0)  # least, default, most, in seconds
_LONGEST_NAME = 128
_LARGEST_FILE = 1 << 20

_ENVIRONMENT = {
    "server_url": "MCP_AMBASSADOR_URL",
    "preshared_key": "MCP_AMBASSADOR_PRESHARED_KEY",
    "friendly_name": "MCP_AMBASSADOR_FRIENDLY_NAME",
    "host_tool": "MCP_AMBASSADOR_HOST_TOOL",
    "heartbeat_interval_seconds": "MCP_AMBASSADOR_HEARTBEAT_INTERVAL",
    "allow_self_signed": "MCP_AMBASSADOR_ALLOW_SELF_SIGNED",
    "ca_file": "MCP_AMBASSADOR_CA_FILE",
}

FLAGS = {
    "server_url": "--server",
    "friendly_name": "--friendly-name",
    "host_tool": "--host-tool",
    "heartbeat_interval_seconds": "--heartbeat-interval",
    "allow_self_signed": "--allow-self-signed",
    "ca_file": "--ca-file",
}

# Members of the original's configuration file that have no meaning here: nothing is cached that could go stale.
_WITHOUT_MEANING = frozenset({"cache_ttl_seconds", "disable_cache"})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the client was told. `server_url` has scheme, host and port, and no slash at the end."""

    server_url: str
    preshared_key: str = field(repr=False)
    friendly_name: str
    host_tool: str
    heartbeat_seconds: float
    allow_self_signed: bool
    ca_file: Path | None

    @property
    def identity(self) -> RegisterRequest:
        """Return what this client registers with."""
        return RegisterRequest(
            preshared_key=self.preshared_key, friendly_name=self.friendly_name, host_tool=self.host_tool
        )

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the server is spoken to over TLS."""
        return self.server_url.startswith("https:")


def load_settings(flags: Flags, environ: Mapping[str, str] = os.environ) -> Settings:
    """Collect the settings; raises SettingsError or NoCredentialsError naming the place to mend."""
    sources = _Sources(flags, environ, {} if flags.config is None else _read_config(flags.config))
    return Settings(
        server_url=_server_url(sources),
        preshared_key=_preshared_key(sources, environ),
        friendly_name=_friendly_name(sources, environ),
        host_tool=sources.take("host_tool", _host_tool, "custom"),
        heartbeat_seconds=sources.take("heartbeat_interval_seconds", _heartbeat, _HEARTBEAT[1]),
        allow_self_signed=sources.take("allow_self_signed", _truth, False),
        ca_file=sources.take("ca_file", _path, None),
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    flags: Flags
    environ: Mapping[str, str]
    config: Mapping[str, Any]

    def find(self, name: str) -> tuple[Any, str] | None:
        """Return the value that counts and where it stands; an empty variable counts as none."""
        flag = getattr(self.flags, name, None)
        if flag is not None:
            return flag, FLAGS[name]
        variable = _ENVIRONMENT[name]
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


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE)
        config = json.loads(content)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}", "Check --config.") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not a JSON file", "Correct it, or leave out --config.") from error
    if not isinstance(config, dict):
        raise SettingsError(f"{path} is not a JSON object", 'Write {"server_url": "https://…"} into it.')
    unknown = sorted(set(config) - set(_ENVIRONMENT) - _WITHOUT_MEANING)
    if unknown:
        known = ", ".join(_ENVIRONMENT)
        raise SettingsError(f"{path} has a member nobody knows: {unknown[0]}", f"Known are: {known}.")
    return config


def _server_url(sources: _Sources) -> str:
    url = sources.take("server_url", _normal_url, "")
    if not url:
        raise SettingsError("no server address is set", "Set MCP_AMBASSADOR_URL=https://<server>.")
    return url


def _normal_url(value: Any) -> str:
    parts = urlsplit(_text(value).strip())
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("it must look like https://ambassador.example.com")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address has no user, password, query or fragment")
    if not host.isascii() or not all(
        char.isprintable() and char != " " and char.isascii() for char in parts.path
    ):
        raise ValueError("an address is written in ASCII; write the host name in its xn-- form")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(
            "http:// would send the key in clear text; use https:// (http:// is for this machine only)"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}:{_port(parts)}{parts.path.rstrip('/')}"


def _port(parts: SplitResult) -> int:
    port = parts.port  # raises ValueError when it is not a port
    if port == 0:
        raise ValueError("port 0 is no port")
    return DEFAULT_CLIENT_PORT if port is None else port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _preshared_key(sources: _Sources, environ: Mapping[str, str]) -> str:
    found = sources.find("preshared_key")
    if found is None:
        raise NoCredentialsError("no preshared key is set", "Set MCP_AMBASSADOR_PRESHARED_KEY.")
    value, place = found
    key = _resolve(value, place, environ).strip()
    if not key or not key.isascii() or not key.isprintable():
        raise NoCredentialsError(f"the preshared key from {place} is empty or damaged", f"Correct {place}.")
    return key


def _resolve(value: Any, place: str, environ: Mapping[str, str]) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{place} is wrong: it must be text", f"Correct {place}.")
    if value.startswith("env://"):
        return environ.get(value.removeprefix("env://"), "")
    if value.startswith("file://"):
        path = Path(value.removeprefix("file://")).expanduser()
        try:
            with path.open("rb") as file:
                return file.read(_LARGEST_FILE).decode()
        except OSError as error:
            raise NoCredentialsError(f"cannot read {path}: {error.strerror}", f"Correct {place}.") from error
        except UnicodeDecodeError as error:
            raise NoCredentialsError(f"{path} holds no key", f"Correct {place}.") from error
    return value


def _friendly_name(sources: _Sources, environ: Mapping[str, str]) -> str:
    default = environ.get("HOSTNAME") or socket.gethostname() or "unnamed"
    return (sources.take("friendly_name", _text, "") or default)[:_LONGEST_NAME]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("it must be one line of text")
    return value


def _host_tool(value: Any) -> str:
    if value not in HOST_TOOLS:
        raise ValueError(f"it must be one of {', '.join(HOST_TOOLS)}")
    return str(value)


def _heartbeat(value: Any) -> float:
    least, _, most = _HEARTBEAT
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it must be a number of seconds")
    try:
        seconds = float(value)
    except (ValueError, OverflowError) as error:
        raise ValueError("it must be a number of seconds") from error
    if math.isnan(seconds):
        raise ValueError("it must be a number of seconds")
    return min(max(seconds, least), most)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def _path(value: Any) -> Path | None:
    return Path(_text(value)).expanduser()
