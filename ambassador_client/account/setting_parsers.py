"""Parsers for the values of settings; each raises ValueError with a description of valid values."""

import math
from pathlib import Path
from typing import Any

from ambassador_client.account.paths import expanded
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.server_urls import parse_server_url
from ambassador_protocol.sessions import HOST_TOOLS

HEARTBEAT_SECONDS = 120.0

_MIN_HEARTBEAT, _MAX_HEARTBEAT = 15.0, 300.0


def parse_url(value: Any) -> str:
    """Return the server address with its port and without a slash at the end; raises ValueError."""
    return parse_server_url(parse_text(value).strip(), DEFAULT_CLIENT_PORT)


def parse_fingerprint(value: Any) -> str:
    """Return a SHA-256 fingerprint as hexadecimal digits; raises ValueError."""
    from ambassador_protocol import certificates  # noqa: PLC0415 - rarely needed

    return certificates.parse_fingerprint(str(value))


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
