"""How the value of one setting is read; what is wrong with it is a ValueError that says what would be right."""

import ipaddress
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ambassador_client.account.paths import expanded
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.sessions import HOST_TOOLS

HEARTBEAT_SECONDS = 120.0

_MIN_HEARTBEAT, _MAX_HEARTBEAT = 15.0, 300.0
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def parse_url(value: Any) -> str:
    """Return the address with its port, without a slash at the end; raises ValueError with what would be right."""
    parts = urlsplit(parse_text(value).strip())
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("it must look like https://ambassador.example.com")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address has no user, password, query or fragment")
    if not all(char.isprintable() and char != " " and char.isascii() for char in host + parts.path):
        raise ValueError("an address is written in ASCII; write the host name in its xn-- form")
    check_host(host)
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


def check_host(host: str) -> None:
    """Raise ValueError for a name that no look-up takes: it would fail with an error that says nothing of the name."""
    if not all(0 < len(part) < 64 for part in host.removesuffix(".").split(".")):
        raise ValueError("the parts of a host name have 1 to 63 characters each")


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fingerprint(value: Any) -> str:
    """Return a SHA-256 in hex, however it was written; raises ValueError with what would be right."""
    digits = re.sub(r"[\s:]", "", str(value).lower().removeprefix("sha256:"))
    if _FINGERPRINT.fullmatch(digits) is None:
        raise ValueError("it must be a SHA-256 fingerprint of 64 hexadecimal digits")
    return digits


def parse_text(value: Any) -> str:
    """Return one line of text."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("it must be one line of text")
    return value


def parse_host_tool(value: Any) -> str:
    """Return the name of an application, of those the server knows."""
    if value not in HOST_TOOLS:
        raise ValueError(f"it must be one of {', '.join(HOST_TOOLS)}")
    return str(value)


def parse_heartbeat(value: Any) -> float:
    """Return seconds, brought between the least and the most."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it must be a number of seconds")
    try:
        seconds = float(value)
    except (ValueError, OverflowError) as error:
        raise ValueError("it must be a number of seconds") from error
    if math.isnan(seconds):
        raise ValueError("it must be a number of seconds")
    return min(max(seconds, _MIN_HEARTBEAT), _MAX_HEARTBEAT)


def parse_bool(value: Any) -> bool:
    """Return what a word for true or false means."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def parse_path(value: Any) -> Path | None:
    """Return a path, with the home folder for a tilde."""
    return expanded(parse_text(value))
