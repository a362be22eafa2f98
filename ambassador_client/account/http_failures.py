"""Classifies the errors of httpx; the client and the admin program word them for their users."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import NamedTuple

from ambassador_protocol.tls_alerts import refusal_in_handshake


class FailureKind(Enum):
    """The point at which a request failed."""

    TIMEOUT = auto()
    """The server did not answer in time."""

    PROXY = auto()
    """The HTTP proxy refused the connection."""

    NOT_CONNECTED = auto()
    """The server or the HTTP proxy is unreachable."""

    UNTRUSTED = auto()
    """The certificate of the server is not trusted."""

    CERTIFICATE_REFUSED = auto()
    """The server refused the client certificate, or requires one."""

    BROKEN = auto()
    """The connection ended too early, or the answer is not HTTP."""

    UNREADABLE = auto()
    """The answer cannot be decoded, or an address is invalid."""

    OTHER = auto()
    """Any other transport error, for example in the TLS handshake."""


class HttpFailure(NamedTuple):
    """A failed request; `reason` is the message of the system or of httpx, without an error number."""

    kind: FailureKind
    reason: str


@contextmanager
def http_failures(error_for: Callable[[HttpFailure], Exception]) -> Iterator[None]:
    """Convert an error of httpx inside the block into the exception that `error_for` returns."""
    import httpx  # noqa: PLC0415 - not imported by the relay

    try:
        yield
    except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
        raise error_for(_failure(error)) from None


def _failure(error: Exception) -> HttpFailure:
    import httpx  # noqa: PLC0415 - not imported by the relay

    cause = _cause(error)
    if isinstance(error, httpx.TimeoutException):
        return HttpFailure(FailureKind.TIMEOUT, str(error))
    if isinstance(error, httpx.ProxyError):
        return HttpFailure(FailureKind.PROXY, str(error))
    if isinstance(error, httpx.DecodingError | httpx.InvalidURL):
        return HttpFailure(FailureKind.UNREADABLE, str(error))
    if isinstance(cause, ssl.SSLCertVerificationError):
        return HttpFailure(FailureKind.UNTRUSTED, cause.verify_message)
    if (refused := refusal_in_handshake(cause)) is not None:
        return HttpFailure(FailureKind.CERTIFICATE_REFUSED, refused)
    reason = (isinstance(cause, OSError) and cause.strerror) or str(error) or type(error).__name__
    reason = reason.rstrip(".")
    if isinstance(error, httpx.ConnectError) and not isinstance(cause, ssl.SSLError):
        return HttpFailure(FailureKind.NOT_CONNECTED, reason.lower())
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return HttpFailure(FailureKind.BROKEN, reason.lower())
    return HttpFailure(FailureKind.OTHER, reason.lower())


def _cause(error: BaseException) -> BaseException:
    """Return the error about a certificate among the causes, else the innermost, which is the system's error."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        if isinstance(found, ssl.SSLCertVerificationError) or refusal_in_handshake(found) is not None:
            return found
        found = found.__cause__ or found.__context__
    return seen[-1]
