"""How downstreams are reached over HTTP: options, connections, reading within limits, and failures in words."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from ambassador_protocol import __version__
from ambassador_server.downstream.messages import LARGEST_MESSAGE
from ambassador_server.downstream.options import check_reference, parse_options, resolve_reference
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
FAILURES = (aiohttp.ClientError, OSError)
"""What aiohttp raises when no proper answer comes; `failure_text` puts it into words."""

_CONNECT_SECONDS = 10.0
# Shorter than the five seconds after which common servers drop an idle connection: a call that
# meets such a closing connection may or may not have run, and is never repeated.
_IDLE_SECONDS = 4.0
_READ_BUFFER = 256 * 1024

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host", "te"}
    | {"keep-alive", "last-event-id", "trailer", "transfer-encoding", "upgrade"}
)


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`headers` values may be `env://NAME` or `file:///path`; `ca_file` adds to the trusted authorities."""

    url: str
    headers: dict[str, str] = {}
    ca_file: str | None = None


def read_http_options(transport: str, options: Mapping[str, Any]) -> HttpOptions:
    """Return the options, or raise InvalidInputError that names the one at fault."""
    parsed = parse_options(transport, options, HttpOptions)
    _check_url(transport, parsed.url)
    for name, value in parsed.headers.items():
        if _TOKEN.fullmatch(name) is None or name.lower() in _OWN_HEADERS or name.lower().startswith("mcp-"):
            raise InvalidInputError(f"Option 'headers' of transport '{transport}' cannot set {name!r}.")
        if not _is_header_value(value):
            raise InvalidInputError(
                f"Option 'headers' of transport '{transport}': {name!r} holds control characters."
            )
        check_reference(value)
    return parsed


def open_session(options: HttpOptions) -> aiohttp.ClientSession:
    """Return a session of its own for one downstream, so that none waits for the connections of another.

    Raises DownstreamUnavailableError when a secret or a certificate it needs is missing.
    """
    headers = {
        "User-Agent": f"mcp-ambassador/{__version__}",
        "Accept-Encoding": "identity",
        "Content-Type": JSON,
    }
    headers["Accept"] = f"{JSON}, {EVENT_STREAM}"
    for name, value in options.headers.items():
        headers[name] = resolve_reference(value)
        if not _is_header_value(headers[name]):
            raise DownstreamUnavailableError(f"header {name!r} holds control characters")
    return aiohttp.ClientSession(
        # Unlimited here: the supervisor bounds what is in flight.
        connector=aiohttp.TCPConnector(
            limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=_tls_context(options.ca_file)
        ),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        read_bufsize=_READ_BUFFER,
    )


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body; raises DownstreamUnavailableError beyond the limit."""
    length = response.content_length
    if length is not None and length <= LARGEST_MESSAGE:
        return await response.read()
    chunks: list[bytes] = []
    room = LARGEST_MESSAGE if length is None else 0
    while room > 0 and (chunk := await response.content.readany()):
        chunks.append(chunk)
        room -= len(chunk)
    if room <= 0:
        raise DownstreamUnavailableError(f"answered with more than {LARGEST_MESSAGE} bytes")
    return b"".join(chunks)


def content_kind(response: aiohttp.ClientResponse) -> str:
    """Return the media type without its parameters."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def status_text(status: int) -> str:
    """Say what an HTTP status means for a request of ours; bodies are never quoted."""
    if status in (401, 403):
        return f"refused the credentials (HTTP {status})"
    if 300 <= status < 400:
        return f"answered with HTTP {status}; redirects are not followed"
    if status in (404, 405):
        return f"answered with HTTP {status}; is the URL right?"
    return f"answered with HTTP {status}"


def failure_text(error: BaseException) -> str:
    """Say in one line why no proper answer came; neither headers nor bodies are quoted."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = getattr(error.certificate_error, "verify_message", "") or "not valid"
            return f"its certificate is not trusted: {reason}"
        case aiohttp.ClientConnectorDNSError():
            return f"host name {error.host!r} cannot be resolved"
        case aiohttp.ClientConnectorError():
            return (
                f"cannot connect to {error.host}:{error.port}: {error.os_error.strerror or 'no connection'}"
            )
        case aiohttp.ConnectionTimeoutError():
            return f"did not accept a connection within {_CONNECT_SECONDS:.0f} s"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "closed the connection in the middle of its answer"
        case _:
            return f"broke the connection ({type(error).__name__})"


def _check_url(transport: str, text: str) -> None:
    try:
        url = URL(text)
        valid = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        raise InvalidInputError(f"Option 'url' of transport '{transport}' is not a URL.") from None
    if not valid:
        raise InvalidInputError(
            f"Option 'url' of transport '{transport}' must be http:// or https:// and a host."
        )
    if url.user is not None or url.password is not None:
        raise InvalidInputError(
            f"Option 'url' of transport '{transport}' may not hold credentials: use 'headers'."
        )


def _is_header_value(value: str) -> bool:
    return value.isprintable()


def _tls_context(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        # ssl.SSLError is an OSError too: a file that holds no certificate.
        raise DownstreamUnavailableError(
            f"ca_file '{ca_file}' cannot be used: {error.strerror or error}"
        ) from None
    return context


async def drain(response: aiohttp.ClientResponse, seconds: float) -> None:
    """Read what follows an answer, so that the connection can be used again; the caller closes what is left."""
    with suppress(TimeoutError, *FAILURES):
        async with asyncio.timeout(seconds):
            while await response.content.readany():
                pass
