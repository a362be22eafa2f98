"""The address of a server as a person writes it, and when it may be used without TLS."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def parse_server_url(text: str, default_port: int) -> str:
    """Return the address as `scheme://host:port[/prefix]`; raises ValueError with what would be right."""
    if not text.isprintable():
        raise ValueError("it must be one line of text")
    parts = urlsplit(text)
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
    return f"{parts.scheme}://{url_host(host)}:{_port(parts, default_port)}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is that of this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_host(host: str) -> str:
    """Return a host name or address as it stands in a URL, IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def check_host(host: str) -> None:
    """Raise ValueError for an invalid host name, before a lookup would fail with a less helpful error."""
    if not all(0 < len(part) < 64 for part in host.removesuffix(".").split(".")):
        raise ValueError("each part of a host name has 1 to 63 characters")


def _port(parts: SplitResult, default_port: int) -> int:
    port = parts.port  # raises ValueError when it is not a port
    if port == 0:
        raise ValueError("port 0 is not valid")
    return default_port if port is None else port
