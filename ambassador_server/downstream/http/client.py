"""Sends HTTP requests to one origin; the headers that all requests share are encoded once."""

import re
import ssl
from collections.abc import Awaitable, Mapping
from urllib.parse import quote_plus, unquote_plus

from yarl import URL

from ambassador_server.downstream.http.connection import Response
from ambassador_server.downstream.http.dial import ServerAddress
from ambassador_server.downstream.http.pool import ConnectionPool
from ambassador_server.errors import DownstreamUnavailableError

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def is_field_name(name: str) -> bool:
    """Tell whether this is a valid header name."""
    return _TOKEN.fullmatch(name) is not None


def is_field_value(value: str) -> bool:
    """Tell whether this is a valid header value, which is any text without control characters."""
    return value.isprintable()


def encode_fields(fields: Mapping[str, str]) -> bytes:
    """Return headers as bytes of an HTTP head; raises DownstreamUnavailableError for an invalid one."""
    for name, value in fields.items():
        if not is_field_name(name):
            raise DownstreamUnavailableError(f"header {name!r} has no proper name")
        if not is_field_value(value):
            raise DownstreamUnavailableError(f"header {name!r} holds control characters")
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()


def with_query(target: str, query: Mapping[str, str]) -> str:
    """Return a path and its query with these parameters in the place of those that have the same names."""
    path, _, given = target.partition("?")
    kept = [part for part in given.split("&") if part and unquote_plus(part.partition("=")[0]) not in query]
    added = [f"{quote_plus(name)}={quote_plus(value)}" for name, value in query.items()]
    return f"{path}?{'&'.join([*kept, *added])}"


class HttpClient:
    """An HTTP client for one URL with its own connection pool; redirects are not followed.

    A body can also be sent to another target of the same origin: its path and query.
    """

    def __init__(self, url: URL, fields: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        host = (url.raw_host or "").rstrip(".")
        self._pool = ConnectionPool(ServerAddress(host, url.port or 0, tls))
        self._url_target = self._target = url.raw_path_qs
        self._query: Mapping[str, str] = {}
        self._host = url.host_port_subcomponent or ""
        self._fields = b""
        self.use_fields(fields)

    @property
    def fields(self) -> bytes:
        """Return the headers of every request, encoded."""
        return self._fields

    def use_fields(self, fields: Mapping[str, str]) -> None:
        """Send these headers with every request from now on."""
        self._fields = encode_fields({"Host": self._host, **fields})

    def use_query(self, query: Mapping[str, str]) -> None:
        """Add these parameters to the target of every request from now on."""
        self._query = query
        self._target = with_query(self._url_target, query) if query else self._url_target

    def post(self, fields: bytes, body: bytes, target: str | None = None) -> Awaitable[Response]:
        """Send a body and return the answer; after a NoAnswerError the request may have run."""
        return self._send(b"POST", b"%bContent-Length: %d\r\n" % (fields, len(body)), body, target)

    def get(self, fields: bytes) -> Awaitable[Response]:
        """Send GET and return the answer; raises NoAnswerError."""
        return self._send(b"GET", fields)

    def delete(self, fields: bytes) -> Awaitable[Response]:
        """Send DELETE and return the answer; raises NoAnswerError."""
        return self._send(b"DELETE", fields)

    async def close(self) -> None:
        """Close every connection; requests that still wait raise NoAnswerError."""
        await self._pool.close()

    async def _send(
        self, method: bytes, fields: bytes, body: bytes = b"", target: str | None = None
    ) -> Response:
        if target is None:
            target = self._target
        elif self._query:
            target = with_query(target, self._query)
        path = target.encode()
        head = b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, self._fields, fields)
        connection = self._pool.take_idle() or await self._pool.acquire()
        return await connection.exchange(head, body)
