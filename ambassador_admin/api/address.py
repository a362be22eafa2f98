"""Where a server can be: what a URL of the admin API may look like."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ambassador_admin.errors import SettingsError
from ambassador_protocol.paths import DEFAULT_ADMIN_PORT

DEFAULT_SERVER = f"https://localhost:{DEFAULT_ADMIN_PORT}"


def normalise_url(text: str) -> str:
    """Return `scheme://host:port[/prefix]` of a server; https and port 9443 where nothing else is said."""
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
    """Tell whether the host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fault(text: str, parts: SplitResult, host: str) -> str | None:
    if not text.isprintable() or " " in text:
        return "it holds a space or a control character"
    if parts.scheme not in ("https", "http"):
        return "only https is spoken"
    if parts.username is not None or parts.query or parts.fragment:
        return "it may hold a host, a port and a path, nothing else"
    if parts.scheme == "http" and not is_loopback(host):
        return "without TLS the key would be readable on its way"
    return None


def _bad_url(text: str, why: str) -> SettingsError:
    return SettingsError(f"{text!r} cannot be a server: {why}.", hint=f"for example {DEFAULT_SERVER}")
