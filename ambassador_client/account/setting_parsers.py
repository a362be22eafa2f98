"""Parsers for the values of settings; each raises ValueError with a description of valid values."""

import ipaddress
import math
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ambassador_client.account.paths import expanded
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.sessions import HOST_TOOLS

HEARTBEAT_SECONDS = 120.0

_MIN_HEARTBEAT, _MAX_HEARTBEAT = 15.0, 300.0


def parse_url(value: Any) -> str:
    """Return the server address with its port and without a slash at the end; raises ValueError."""
    parts = urlsplit(parse_text(value).strip())
    host = parts.hostname
    if parts.scheme not in ("https", "http") or not host:
        raise ValueError("it must look like https://ambassador.example.com")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("the address must not have a user, password, query or fragment")
    if not all(char.isprintable() and char != " " and char.isascii() for char in host + parts.path):
        raise ValueError("the address must be ASCII; write the host name in its xn-- form")
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
        raise ValueError("port 0 is not valid")
    return DEFAULT_CLIENT_PORT if port is None else port


def check_host(host: str) -> None:
    """Raise ValueError for an invalid host name, before a lookup would fail with a less helpful error."""
    if not all(0 < len(part) < 64 for part in host.removesuffix(".").split(".")):
        raise ValueError("each part of a host name has 1 to 63 characters")


def is_loopback(host: str) -> bool:
    """Tell whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fingerprint(value: Any) -> str:
    """Return a SHA-256 in hexadecimal digits; raises ValueError with what would be right."""
    from ambassador_protocol.certificates import parse_fingerprint  # noqa: PLC0415 - few settings have one

    return parse_fingerprint(str(value))


def parse_text(value: Any) -> str:
    """Return one line of text; raises ValueError."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("it must be one line of text")
    return value


def parse_host_tool(value: Any) -> str:
    """Return the name of a host tool that the server knows; raises ValueError."""
    if value not in HOST_TOOLS:
        raise ValueError(f"it must be one of {', '.join(HOST_TOOLS)}")
    return str(value)


def parse_heartbeat(value: Any) -> float:
    """Return the heartbeat interval in seconds, limited to 15 to 300; raises ValueError."""
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
    """Return the boolean for a word such as yes or off; raises ValueError."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("it must be true or false")


def parse_path(value: Any) -> Path | None:
    """Return the path with `~` expanded; raises ValueError."""
    return expanded(parse_text(value))
