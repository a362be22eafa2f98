"""Requests to one URL: what every request says is encoded once."""

import re
import ssl
from collections.abc import Mapping

from yarl import URL

from ambassador_server.downstream.http.connect import Place
from ambassador_server.downstream.http.connection import Response
from ambassador_server.downstream.http.pool import ConnectionPool
from ambassador_server.errors import DownstreamUnavailableError

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def is_field_name(name: str) -> bool:
    """Tell whether this may be the name of a header."""
    return _TOKEN.fullmatch(name) is not None


def is_field_value(value: str) -> bool:
    """Tell whether this may be the value of a header: anything without control characters."""
    return value.isprintable()


def encode_fields(fields: Mapping[str, str]) -> bytes:
    """Write headers as they go over the wire; raises DownstreamUnavailableError for one that cannot be sent."""
    for name, value in fields.items():
        if not is_field_name(name):
            raise DownstreamUnavailableError(f"header {name!r} has no proper name")
        if not is_field_value(value):
            raise DownstreamUnavailableError(f"header {name!r} holds control characters")
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()


class HttpClient:
    """One URL, the headers that every request carries, and a pool of connections; redirects are not followed."""

    def __init__(self, url: URL, fields: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        host = (url.raw_host or "").rstrip(".")
        self._pool = ConnectionPool(Place(host, url.port or 0, tls))
        self._target = url.raw_path_qs
        self._fields = encode_fields({"Host": url.host_port_subcomponent or "", **fields})

    async def post(self, fields: bytes, body: bytes) -> Response:
        """Send a body and return the answer; it may have run whenever NoAnswerError is raised."""
        return await self._send(b"POST", b"%bContent-Length: %d\r\n" % (fields, len(body)), body)

    async def get(self, fields: bytes) -> Response:
        """Ask for what is at the URL; raises NoAnswerError."""
        return await self._send(b"GET", fields)

    async def delete(self, fields: bytes) -> Response:
        """Ask to remove what the headers name; raises NoAnswerError."""
        return await self._send(b"DELETE", fields)

    async def close(self) -> None:
        """Close every connection; whoever still waits gets NoAnswerError."""
        await self._pool.close()

    async def _send(self, method: bytes, fields: bytes, body: bytes = b"") -> Response:
        head = b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, self._target.encode(), self._fields, fields)
        connection = await self._pool.acquire()
        return await connection.exchange(head, body)
