"""Options of the HTTP transports, the client built from them, and checks of an answer's status and size."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
from multidict import CIMultiDict
from yarl import URL

from ambassador_protocol import __version__
from ambassador_protocol.event_stream import (
    EVENT_STREAM,
    EventStreamReader,
    EventTooLargeError,
    ServerSentEvent,
)
from ambassador_protocol.tls import client_context
from ambassador_server.downstream.http.client import HttpClient, is_field_name, is_field_value
from ambassador_server.downstream.http.connection import Response
from ambassador_server.downstream.options import check_reference, parse_options, resolve_reference
from ambassador_server.downstream.transport import CredentialsRefusedError
from ambassador_server.downstream.wire.messages import LARGEST_MESSAGE
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

JSON = "application/json"
CHALLENGE = "WWW-Authenticate"
CREDENTIALS_REFUSED = frozenset({401, 403})
"""The HTTP statuses by which a downstream refuses credentials; it runs nothing then."""
GATEWAY_FAILURES = frozenset({502, 503, 504})
"""The HTTP statuses by which a gateway says that the downstream behind it does not answer."""
_SHORT_BODY = 64 * 1024
_SHORT_BODY_SECONDS = 1.0
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
        if not is_free_header(name):
            raise InvalidInputError(f"Option 'headers' of transport '{transport}' cannot set {name!r}.")
        if not is_field_value(value):
            raise InvalidInputError(
                f"Option 'headers' of transport '{transport}': {name!r} holds control characters."
            )
        check_reference(value)
    return parsed


def is_free_header(name: str) -> bool:
    """Tell whether this is a valid header name that no request of ours sets by itself."""
    return is_field_name(name) and name.lower() not in _OWN_HEADERS and not name.lower().startswith("mcp-")


def open_client(options: HttpOptions, fields: Mapping[str, str]) -> HttpClient:
    """Return a client with its own connections, so that no downstream waits for another's.

    Raises DownstreamUnavailableError when a certificate it needs is missing.
    """
    url = URL(options.url)
    tls = _tls_context(options.ca_file) if url.scheme == "https" else None
    return HttpClient(url, fields, tls)


async def request_fields(options: HttpOptions) -> CIMultiDict[str]:
    """Return the headers of every request with the secrets as they are now.

    Raises DownstreamUnavailableError when a secret is missing.
    """
    fields = CIMultiDict({"User-Agent": f"mcp-ambassador/{__version__}", "Accept-Encoding": "identity"})
    fields.update({name: await resolve_reference(value) for name, value in options.headers.items()})
    return fields


def is_event_stream(response: Response) -> bool:
    """Tell whether the answer is a stream of events."""
    return response.status == 200 and response.kind == EVENT_STREAM


async def read_body(response: Response) -> bytes:
    """Return the whole body; raises DownstreamUnavailableError beyond the limit."""
    return await response.read(LARGEST_MESSAGE)


async def read_short_body(response: Response) -> bytes:
    """Return the body if it is short and arrives soon, else nothing."""
    try:
        async with asyncio.timeout(_SHORT_BODY_SECONDS):
            return await response.read(_SHORT_BODY)
    except (TimeoutError, DownstreamUnavailableError):
        response.close()
        return b""


def read_events(reader: EventStreamReader, chunk: bytes) -> list[ServerSentEvent]:
    """Return the events that the chunk completes; raises DownstreamUnavailableError for one beyond the limit."""
    try:
        return reader.feed(chunk)
    except EventTooLargeError as error:
        raise DownstreamUnavailableError(f"answered with more than {error.limit} bytes") from None


def status_text(status: int) -> str:
    """Return what an HTTP status means for our request; bodies are never quoted."""
    if status in CREDENTIALS_REFUSED:
        return f"refused the credentials (HTTP {status})"
    if 300 <= status < 400:
        return f"answered with HTTP {status}; redirects are not followed"
    if status in (404, 405):
        return f"answered with HTTP {status}; is the URL right?"
    return f"answered with HTTP {status}"


def credentials_refused(response: Response) -> CredentialsRefusedError:
    """Return the error for an answer by which a downstream refuses credentials."""
    return CredentialsRefusedError(
        status_text(response.status),
        challenge=response.headers.get(CHALLENGE, ""),
        is_known=response.status == 403,
    )


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


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return _default_tls_context()
    context = _new_tls_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        # ssl.SSLError is an OSError too: a file that holds no certificate.
        raise DownstreamUnavailableError(
            f"ca_file '{ca_file}' cannot be used: {error.strerror or error}"
        ) from None
    return context


@cache
def _default_tls_context() -> ssl.SSLContext:
    return _new_tls_context()


def _new_tls_context() -> ssl.SSLContext:
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def drain(response: Response, seconds: float) -> None:
    """Read the rest of an answer for up to `seconds`, so that its connection can be reused."""
    with suppress(TimeoutError, DownstreamUnavailableError):
        async with asyncio.timeout(seconds):
            async for _ in response.chunks():
                pass
