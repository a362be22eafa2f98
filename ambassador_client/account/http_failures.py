"""What went wrong in a request made with httpx, in terms that each program puts into its own words."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import NamedTuple


class FailureKind(Enum):
    """At which point a request failed."""

    TIMEOUT = auto()
    """The server did not answer in time."""

    PROXY = auto()
    """The proxy on the way refused."""

    NOT_CONNECTED = auto()
    """There is no connection to the server, or to the proxy on the way."""

    UNTRUSTED = auto()
    """The certificate of the server is not trusted."""

    BROKEN = auto()
    """The connection ended too early, or what came is no HTTP."""

    UNREADABLE = auto()
    """The answer or the address in it cannot be read."""

    OTHER = auto()
    """Anything else on the way, for example in the TLS handshake."""


class HttpFailure(NamedTuple):
    """A failed request; `reason` is what the system or the library says, without its error number."""

    kind: FailureKind
    reason: str


@contextmanager
def http_failures(error_for: Callable[[HttpFailure], Exception]) -> Iterator[None]:
    """Raise what `error_for` returns for a failure of httpx inside the block."""
    import httpx  # noqa: PLC0415 - the relay is started without it

    try:
        yield
    except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
        raise error_for(_failure(error)) from None


def _failure(error: Exception) -> HttpFailure:
    import httpx  # noqa: PLC0415 - the relay is started without it

    cause = _cause(error)
    if isinstance(error, httpx.TimeoutException):
        return HttpFailure(FailureKind.TIMEOUT, str(error))
    if isinstance(error, httpx.ProxyError):
        return HttpFailure(FailureKind.PROXY, str(error))
    if isinstance(error, httpx.DecodingError | httpx.InvalidURL):
        return HttpFailure(FailureKind.UNREADABLE, str(error))
    if isinstance(cause, ssl.SSLCertVerificationError):
        return HttpFailure(FailureKind.UNTRUSTED, cause.verify_message)
    reason = (isinstance(cause, OSError) and cause.strerror) or str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError) and not isinstance(cause, ssl.SSLError):
        return HttpFailure(FailureKind.NOT_CONNECTED, reason.lower())
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return HttpFailure(FailureKind.BROKEN, reason.lower())
    return HttpFailure(FailureKind.OTHER, reason.lower())


def _cause(error: BaseException) -> BaseException:
    """Return the refusal of a certificate among the causes, else the innermost one: it is the system's own."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        if isinstance(found, ssl.SSLCertVerificationError):
            return found
        found = found.__cause__ or found.__context__
    return seen[-1]
