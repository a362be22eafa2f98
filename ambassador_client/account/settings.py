"""The client's settings: flag before environment before configuration file before default."""

import ipaddress
import json
import math
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from ambassador_client.account.accounts import Account, AccountBook
from ambassador_client.account.paths import config_directory
from ambassador_client.errors import NoCredentialsError, SettingsError
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.sessions import HOST_TOOLS, RegisterRequest

T = TypeVar("T")

_HEARTBEAT = (15.0, 120.0, 300.0)  # least, default, most, in seconds
_LONGEST_NAME = 128
_LARGEST_FILE = 1 << 20
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

ACCOUNT_VARIABLE = "MCP_AMBASSADOR_ACCOUNT"

_ENVIRONMENT = {
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
    fingerprint: str | None = None
    account: str | None = None


class Credential(NamedTuple):
    """A key that is looked up when it is needed; `label` tells keys apart, and `place` says in words where this is.

    `reveal` may take long, where a keyring asks its owner first. It raises NoCredentialsError or SettingsError.
    """

    label: str
    place: str
    reveal: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the client was told. `server_url` has scheme, host and port, and no slash at the end."""

    server_url: str
    credential: Credential = field(repr=False)
    friendly_name: str
    host_tool: str
    heartbeat_seconds: float
    allow_self_signed: bool
    ca_file: Path | None
    fingerprint: str | None = None
    account: Account | None = None

    @property
    def preshared_key(self) -> str:
        """Return the key, from wherever it is."""
        return self.credential.reveal()

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
    account = _account(sources, environ)
    server_url = _server_url(sources, account)
    if account is not None and account.server != server_url:
        account = None  # its key and its certificate are for its own server alone
    ca_file = sources.take("ca_file", _path, None)
    if ca_file is None and account is not None and account.ca_file is not None:
        ca_file = Path(account.ca_file)
    return Settings(
        server_url=server_url,
        credential=_credential(sources, environ, account),
        friendly_name=_friendly_name(sources, environ),
        host_tool=sources.take("host_tool", _host_tool, "custom"),
        heartbeat_seconds=sources.take("heartbeat_interval_seconds", _heartbeat, _HEARTBEAT[1]),
        allow_self_signed=sources.take("allow_self_signed", _truth, False),
        ca_file=ca_file,
        fingerprint=sources.take("fingerprint", read_fingerprint, None),
        account=account,
    )


def account_book(environ: Mapping[str, str] = os.environ) -> AccountBook:
    """Return the accounts of this user."""
    return AccountBook(config_directory(environ))


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


def _account(sources: _Sources, environ: Mapping[str, str]) -> Account | None:
    book, found = account_book(environ), sources.find("account")
    return book.find(None) if found is None else book.get(str(found[0]))


def _server_url(sources: _Sources, account: Account | None) -> str:
    if account is not None and _is_chosen(sources):
        return account.server
    url = sources.take("server_url", normal_url, "" if account is None else account.server)
    if not url:
        raise SettingsError(
            "no server address is set",
            "Set MCP_AMBASSADOR_URL=https://<server>, or run: ambassador-client login https://<server>",
        )
    return url


def normal_url(value: Any) -> str:
    """Return the address with its port, without a slash at the end; raises ValueError with what would be right."""
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
    if parts.scheme == "http" and not is_loopback(host):
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


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    """Tell whether the host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credential(sources: _Sources, environ: Mapping[str, str], account: Account | None) -> Credential:
    found = sources.find("preshared_key")
    if found is not None and (account is None or not _is_chosen(sources)):
        value, place = found
        key = _checked_key(_resolve(value, place, environ), place)
        return Credential(key, place, lambda: key)
    if account is None:
        raise NoCredentialsError(
            "no preshared key is set", "Set MCP_AMBASSADOR_PRESHARED_KEY, or run: ambassador-client login URL"
        )
    return Credential(account.label, f"account {account.name}", lambda: _kept_key(account, environ))


def _is_chosen(sources: _Sources) -> bool:
    """Tell whether the command line names the account: what is said there goes before every variable."""
    return sources.flags.account is not None and sources.flags.server_url is None


def _kept_key(account: Account, environ: Mapping[str, str]) -> str:
    key = account_book(environ).credentials().get(account.name)
    if key is None:
        raise NoCredentialsError(
            f"the key of account {account.name} is gone", f"Run: ambassador-client login {account.server}"
        )
    return _checked_key(key, f"account {account.name}")


def _checked_key(text: str, place: str) -> str:
    key = text.strip()
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


def read_fingerprint(value: Any) -> str:
    """Return a SHA-256 in hex, however it was written; raises ValueError with what would be right."""
    digits = re.sub(r"[\s:]", "", str(value).lower().removeprefix("sha256:"))
    if _FINGERPRINT.fullmatch(digits) is None:
        raise ValueError("it must be a SHA-256 fingerprint of 64 hexadecimal digits")
    return digits


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
