"""The checks of `doctor` on the connection and the server; each returns its result or raises."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ambassador_client.account.tls import context_from_settings
from ambassador_client.cli.check_context import CONNECT_SECONDS, CheckContext, CheckWarning
from ambassador_client.cli.identity import identity_text
from ambassador_client.cli.local_checks import warn_of_expiry
from ambassador_client.cli.missing_credentials import HINT, missing_credentials, missing_text
from ambassador_client.cli.stops import stop_texts
from ambassador_client.errors import (
    ClientError,
    ServerRefusedError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_protocol import __version__
from ambassador_protocol.paths import HEALTH, ME, READY

_MAX_SKEW = timedelta(minutes=2)


def address(context: CheckContext) -> str:
    """Check that the host name resolves."""
    host, port = context.first_hop
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        if context.tunnel is not None:
            raise context.tunnel.unreachable("the host name cannot be resolved") from error
        raise UnreachableError(
            f"the host name {host} cannot be resolved", "Check the address, the network and the VPN."
        ) from error
    return f"{host} is {', '.join(sorted(map(str, found)))}"


def connection(context: CheckContext) -> str:
    """Check that the port accepts connections."""
    host, port = context.first_hop
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        if context.tunnel is not None:
            raise context.tunnel.unreachable((error.strerror or str(error)).lower()) from error
        raise UnreachableError(
            f"cannot reach {host}:{port} : {(error.strerror or str(error)).lower()}",
            "Is the server running? Does a firewall block the port?",
        ) from error
    return f"{host}:{port} answers"


def certificate(context: CheckContext) -> str:
    """Check that the server's certificate is trusted."""
    tls = context_from_settings(context.settings, None if context.tunnel is None else context.tunnel.dial)
    if tls is None:
        return "none: http:// without TLS, for this machine only"
    if context.settings.allow_self_signed:
        raise CheckWarning(
            "any certificate is accepted: the server is not authenticated", "Give a CA file or a fingerprint."
        )
    try:
        with _handshake(context, tls) as tls_socket:
            found = tls_socket.getpeercert() or {}
            trusted = f"trusted until {found.get('notAfter', 'an unknown day')}, {tls_socket.version()}"
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(context.settings.server_url, error) from error
    except OSError as error:
        raise UnreachableError(
            f"TLS with {_host(context)} failed: {error}", "Check that this is the port of the server."
        ) from error
    if (fault := _strict_fault(context, tls)) is not None:
        raise CheckWarning(
            f"{trusted}, but a program that checks certificates strictly refuses it: {fault}",
            "Tell your administrator; this client works all the same.",
        )
    return trusted


def _strict_fault(context: CheckContext, tls: ssl.SSLContext) -> str | None:
    """Return what a strict check of the CA and the certificate finds first, such as a missing key usage."""
    tls.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        with _handshake(context, tls):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:  # it worked a moment ago; the next check says whether the server is still there
        return None


@contextmanager
def _handshake(context: CheckContext, tls: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        context.dial() as tcp_socket,
        tls.wrap_socket(tcp_socket, server_hostname=_host(context)) as tls_socket,
    ):
        yield tls_socket


def _host(context: CheckContext) -> str:
    return urlsplit(context.settings.server_url).hostname or ""


def server(context: CheckContext) -> str:
    """Check that the server is healthy and ready."""
    server = context.run.connect(context.settings, None)
    if server.request("GET", HEALTH).get("status") != "ok":
        raise UnreachableError(f"{server.url} reports that it is not healthy", "Tell your administrator.")
    try:
        server.request("GET", READY)
    except ServerRefusedError as error:
        raise CheckWarning(
            "the server runs but is not ready for calls", "Try again soon; tell your administrator."
        ) from error
    return "healthy and ready"


def clock(context: CheckContext) -> str:
    """Compare the clock of this machine with the server's."""
    date = context.run.connect(context.settings, None).date(HEALTH)
    if date is None:
        return "the server sends no time"
    skew = abs(parsedate_to_datetime(date) - datetime.now(UTC))
    if skew > _MAX_SKEW:
        raise CheckWarning(
            f"the clocks of this machine and the server differ by {skew}",
            "Set the clock over the network (NTP).",
        )
    return f"within {skew.total_seconds():.0f} s of the server"


def session(context: CheckContext) -> str:
    """Check that the server opens a session for the key, or knows the certificate that stands alone."""
    context.me = (
        _me_in_session(context) if context.settings.credential else context.run.server.request("GET", ME)
    )
    version = context.me.get("server_version")
    if version != __version__:
        raise CheckWarning(
            f"the server is {version}, this client {__version__}", "Install the same version on both."
        )
    return identity_text(context.me)


def _me_in_session(context: CheckContext) -> dict[str, Any]:
    session = context.run.connect(context.settings, None).register(context.settings.identity)
    server = context.run.connect(context.settings, session.session_token)
    try:
        return server.request("GET", ME)
    finally:
        with suppress(ClientError):
            server.disconnect(session)


def expiry(context: CheckContext) -> str:
    """Check at the server that the key does not expire soon."""
    if context.settings.credential is None:
        return "there is no key"
    expires_at = (context.me.get("key") or {}).get("expires_at")
    account = context.settings.account
    if account is None or account.key_expires_at != expires_at:  # else the check of the key has said it
        warn_of_expiry(expires_at)
    return "the key does not expire" if expires_at is None else f"the key expires at {expires_at}"


def tools(context: CheckContext) -> str:
    """Check that there are tools to call, and that no kill switch stops any."""
    if stopped := stop_texts(context.me):
        raise CheckWarning("; ".join(stopped), "Ask your administrator.")
    if (refused := context.me.get("refused")) is not None:
        raise CheckWarning(f"every call is refused now: {refused}", "Ask your administrator.")
    if names := missing_credentials(context.me):
        raise CheckWarning(missing_text(names), f"{HINT}.")
    if not context.me.get("tools"):
        raise CheckWarning(
            "you have no tools", "Run ambassador-client catalog list, or ask your administrator."
        )
    return f"{context.me['tools']} tools"


def _untrusted(url: str, error: ssl.SSLCertVerificationError) -> ClientError:
    if error.verify_code in (9, 10):  # not yet valid, expired
        return UntrustedCertificateError(
            f"the certificate of {url} is not valid at this time: {error.verify_message}",
            f"Check the clock: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. If it is right, tell your administrator.",
        )
    return UntrustedCertificateError(
        f"the certificate of {url} is not trusted: {error.verify_message}",
        "Log in with --fingerprint, or name the CA with --ca-file.",
    )
