"""Parses and checks the URL of a server."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ambassador_admin.errors import SettingsError
from ambassador_protocol.paths import DEFAULT_ADMIN_PORT

DEFAULT_SERVER = f"https://localhost:{DEFAULT_ADMIN_PORT}"


def normalise_url(text: str) -> str:
    """Return the URL as `scheme://host:port[/prefix]`; the defaults are https and port 9443. Raises SettingsError."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(text, str(error)) from None
    fault = "it names no host" if not host else _fault(text, parts, host)
    if fault is not None or host is None:
        raise _bad_url(text, fault or "")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or DEFAULT_ADMIN_PORT}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Tell whether the host is a loopback address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fault(text: str, parts: SplitResult, host: str) -> str | None:
    if not text.isprintable() or " " in text:
        return "it has a space or a control character in it"
    if parts.scheme not in ("https", "http"):
        return "the scheme must be https"
    if parts.username is not None or parts.query or parts.fragment:
        return "it may have a host, a port and a path only"
    if parts.scheme == "http" and not is_loopback(host):
        return "without TLS others could read the key"
    return None


def _bad_url(text: str, why: str) -> SettingsError:
    return SettingsError(f"{text!r} is not the URL of a server: {why}.", hint=f"for example {DEFAULT_SERVER}")
