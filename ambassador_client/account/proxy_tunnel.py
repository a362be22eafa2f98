"""Finds the HTTP proxy that the environment names for a server, and opens CONNECT tunnels through it."""

import base64
import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

import h11

from ambassador_client.errors import BadAnswerError, SettingsError, UnreachableError
from ambassador_protocol.paths import DEFAULT_CLIENT_PORT
from ambassador_protocol.server_urls import check_host, is_loopback, url_host

ENVIRONMENT: Final = {
    "HTTPS_PROXY": "the proxy for connections to the server: http://[USER:PASSWORD@]HOST[:PORT]; else ALL_PROXY",
    "NO_PROXY": "servers that are reached without a proxy: names, addresses and networks, separated by commas, or *",
}
"""Variables that other programs use, too; also read in small letters."""

_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY_VARIABLES: Final = ("no_proxy", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class ProxyTunnel:
    """A proxy for one server; `proxy` is its address without user and password, safe to show."""

    proxy: str
    proxy_host: str
    proxy_port: int
    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    def dial(self, seconds: float) -> socket.socket:
        """Return a socket to the server, opened within so many seconds; raises UnreachableError or BadAnswerError."""
        deadline = time.monotonic() + seconds
        try:
            sock = socket.create_connection((self.proxy_host, self.proxy_port), timeout=seconds)
        except OSError as error:
            raise self.unreachable((error.strerror or str(error)).lower()) from error
        try:
            self._connect(sock, deadline)
        except BaseException:
            sock.close()
            raise
        return sock

    def unreachable(self, reason: str) -> UnreachableError:
        """Return the error for an unreachable proxy; `reason` is the system's message."""
        return UnreachableError(
            f"cannot reach the proxy {self.proxy} : {reason}", "Check HTTPS_PROXY and the network."
        )

    def _connect(self, sock: socket.socket, deadline: float) -> None:
        http = h11.Connection(h11.CLIENT)
        target = f"{url_host(self.host)}:{self.port}"
        headers = [("Host", target)]
        if self.authorization is not None:
            headers.append(("Proxy-Authorization", self.authorization))
        try:
            sock.sendall(http.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
            sock.sendall(http.send(h11.EndOfMessage()) or b"")
            while not isinstance(event := http.next_event(), h11.Response):
                if event is h11.NEED_DATA:
                    # The server sends nothing before TLS starts, so more bytes than the response are refused.
                    sock.settimeout(max(deadline - time.monotonic(), 0.001))
                    http.receive_data(sock.recv(1 << 16))
        except OSError as error:
            cause = f"the connection to the proxy {self.proxy} broke: {error.strerror or error}"
            raise UnreachableError(cause, "Check HTTPS_PROXY and the network.") from error
        except h11.ProtocolError as error:
            raise BadAnswerError(f"{self.proxy} is not an HTTP proxy", "Check HTTPS_PROXY.") from error
        self._check(event.status_code, http.trailing_data[0])

    def _check(self, status: int, unexpected: bytes) -> None:
        if status == 407:
            raise UnreachableError(
                f"the proxy {self.proxy} requires a user and a password, or rejected them",
                "Write them into HTTPS_PROXY: http://user:password@host:port",
            )
        if not 200 <= status < 300:
            raise UnreachableError(
                f"the proxy {self.proxy} refused to connect to {self.host}:{self.port} with HTTP {status}",
                "Ask your administrator, or add the server to NO_PROXY.",
            )
        if unexpected:
            raise BadAnswerError(
                f"{self.proxy} sent data before the connection was used", "Check HTTPS_PROXY."
            )


def tunnel_to(url: str, environ: Mapping[str, str]) -> ProxyTunnel | None:
    """Return the proxy for a server, None for a direct connection; raises SettingsError for an unusable proxy."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_CLIENT_PORT
    variable = next((name for name in _VARIABLES if environ.get(name)), None)
    if variable is None or parts.scheme != "https" or is_loopback(host):
        return None
    exceptions = next((environ[name] for name in _NO_PROXY_VARIABLES if name in environ), "")
    if any(_matches_exception(entry.strip().lower(), host, port) for entry in exceptions.split(",")):
        return None
    try:
        proxy_host, proxy_port, authorization = _parse_proxy(environ[variable].strip())
    except ValueError as error:
        # The value may contain a password, so it is not shown.
        raise SettingsError(
            f"{variable} is not a usable proxy address", "Write it as http://host:port."
        ) from error
    return ProxyTunnel(
        f"http://{url_host(proxy_host)}:{proxy_port}", proxy_host, proxy_port, host, port, authorization
    )


def _parse_proxy(value: str) -> tuple[str, int, str | None]:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    if parts.scheme != "http" or not parts.hostname or not parts.hostname.isascii():
        raise ValueError("not the address of an HTTP proxy")
    check_host(parts.hostname)
    return parts.hostname, parts.port or 80, _basic_credentials(parts.username, parts.password)


def _basic_credentials(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _matches_exception(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of NO_PROXY (name, domain, address or network) matches the server."""
    if entry == "*":
        return True
    name, separator, number = entry.rpartition(":")
    if separator and number.isdigit() and (":" not in name or name.endswith("]")):
        if number.lstrip("0") != str(port):
            return False
        entry = name
    entry = entry.strip("[]")
    if not entry:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").lstrip(".")
        return host == domain or host.endswith(f".{domain}")
