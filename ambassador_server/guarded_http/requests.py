"""HTTP requests to servers that a stranger has chosen: only to checked addresses, bounded in time and size."""

import asyncio
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ambassador_protocol import __version__
from ambassador_protocol.tls import client_context
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.guarded_http.addresses import (
    check_url,
    is_address,
    is_loopback,
    may_dial,
)

SECONDS: Final = 10.0
"""The time for a whole request, from the resolution of the name to the last byte of the body."""
LARGEST_BODY: Final = 1024 * 1024
_HEADERS: Final = {
    "User-Agent": f"mcp-ambassador/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; its body may hold secrets, and is never to be quoted."""

    host: str
    status: int
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the JSON object; raises AuthorizationServerUnavailableError for anything else."""
        found = self.json_or_empty()
        if not found:
            raise AuthorizationServerUnavailableError(
                f"The authorization server at {self.host} answered HTTP {self.status} without a JSON object."
            )
        return found

    def json_or_empty(self) -> dict[str, Any]:
        """Return the JSON object, or an empty one for anything else."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class GuardedHttp:
    """Sends single requests: no redirect is followed, no cookie kept, no connection reused.

    With `use_proxies` the proxies of the environment are used, which then resolve names and check addresses themselves.
    """

    def __init__(self, *, use_proxies: bool = False, seconds: float = SECONDS) -> None:
        self._use_proxies = use_proxies
        self._seconds = seconds

    async def get(self, url: str, *, private: bool) -> Answer:
        """Fetch a document; `private` allows addresses of the organisation and of this machine.

        Raises UntrustedMetadataError for a URL without https, and AuthorizationServerUnavailableError.
        """
        return await self._request("GET", check_url(url, private=private), {}, None, private=private)

    async def post(
        self, url: str, body: bytes, *, kind: str, private: bool, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a body of this media type; raises what `get` raises."""
        own = {"Content-Type": kind, **(headers or {})}
        return await self._request("POST", check_url(url, private=private), own, body, private=private)

    async def _request(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, *, private: bool
    ) -> Answer:
        host = url.host or ""
        gate = _Gate(private=private, only_loopback=url.scheme == "http")
        proxy = _proxy_for(url) if self._use_proxies else None
        try:
            if proxy and is_address(host):
                gate.check(host)
            async with (
                asyncio.timeout(self._seconds),
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        resolver=ThreadedResolver(),
                        use_dns_cache=False,
                        force_close=True,
                        socket_factory=None if proxy else gate.open_socket,
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                    auto_decompress=False,
                    headers=_HEADERS,
                ) as session,
                session.request(
                    method,
                    url,
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    ssl=_tls_context() if url.scheme == "https" else True,
                    proxy=proxy,
                ) as response,
            ):
                return Answer(host, response.status, await _read(response, host))
        except TimeoutError:
            words = f"did not answer within {self._seconds:.0f} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            words = gate.refusal or _describe(error)
        raise AuthorizationServerUnavailableError(f"The authorization server at {host} {words}.")


class _Gate:
    """Opens sockets for allowed addresses alone: what is checked is the address that is dialled next."""

    def __init__(self, *, private: bool, only_loopback: bool) -> None:
        self.refusal: str | None = None
        self._private = private
        self._only_loopback = only_loopback

    def open_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Return a socket for one result of a name resolution; raises OSError for an address that is not allowed."""
        family, kind, protocol, _, address = info
        self.check(address[0])
        return socket.socket(family, kind, protocol)

    def check(self, address: str) -> None:
        """Raise OSError for an address that is not allowed."""
        if not may_dial(address, private=self._private):
            self.refusal = "has an address that may not be dialled"
            if not self._private:
                self.refusal += " unless private addresses are allowed"
            raise PermissionError(self.refusal)
        if self._only_loopback and not is_loopback(address):
            self.refusal = "does not use https, and is not on this machine"
            raise PermissionError(self.refusal)


async def _read(response: aiohttp.ClientResponse, host: str) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > LARGEST_BODY:
            raise AuthorizationServerUnavailableError(
                f"The authorization server at {host} answered with more than {LARGEST_BODY} bytes."
            )
    return bytes(body)


def _proxy_for(url: URL) -> str | None:
    host = url.host or ""
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "has a certificate that is not trusted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "cannot be found: its name is not resolved"
    if isinstance(error, aiohttp.ClientSSLError):
        return "does not speak TLS"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "closed the connection"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "cannot be connected to"
    return "gave an answer that is not HTTP, or broke off"


@cache
def _tls_context() -> ssl.SSLContext:
    return client_context()
