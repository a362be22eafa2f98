"""Learns which client certificates the open connections of a listener have, and ends those that are refused later."""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from ambassador_protocol.problems import Problem, ProblemCode
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.domain.people.principals import Origin
from ambassador_server.errors import Advice, InvalidTokenError
from ambassador_server.services.sign_in.refused_connections import RefusedConnections
from ambassador_server.web.listener_bounds import reset
from ambassador_server.web.rare_warnings import RareWarnings
from ambassador_server.wording.advice import hint_text

CERTIFICATE_REQUIRED: Final = "certificate_required"
"""The reason where a client has none."""

_log = logging.getLogger(__name__)


class ListenerTls(Protocol):
    """The TLS of a listener: the context of new connections, and the verification of client certificates."""

    context: ssl.SSLContext
    on_change: Callable[[], None]

    @property
    def asks_clients(self) -> bool:
        """Tell whether clients are asked for a certificate."""
        ...

    def examine(self, chain: Sequence[bytes]) -> PeerCertificate | CertificateFault:
        """Verify a chain as the files are now; any bytes may be given."""
        ...


@runtime_checkable
class FailedHandshake(Protocol):
    """An error of a handshake; `alert` is what the client is still to be sent, so that it knows why.

    `is_about_certificate` tells whether the client's certificate was refused, or is missing though it is required.
    """

    alert: bytes
    is_about_certificate: bool
    has_no_certificate: bool


class PeerConnections:
    """The open connections whose clients have proved a certificate."""

    def __init__(self, tls: ListenerTls, refused: RefusedConnections | None = None) -> None:
        self._tls = tls
        self._refused = refused
        self._recording: set[asyncio.Task[None]] = set()
        self._open: dict[asyncio.Transport, tuple[bytes, ...]] = {}
        self._warnings = RareWarnings(_log)
        tls.on_change = self.examine_again

    def opened(self, transport: asyncio.Transport) -> PeerCertificate | CertificateFault | None:
        """Return the certificate of the client. One that is refused is answered at once, before any request."""
        chain = peer_chain(transport.get_extra_info("ssl_object"))
        if not chain:
            return None
        found = self._tls.examine(chain)
        if isinstance(found, CertificateFault):
            request_id = self._tell(_address(transport), found)
            asyncio.get_running_loop().call_soon(_refuse, transport, found, request_id)
        else:
            self._open[transport] = chain
        return found

    def closed(self, transport: asyncio.Transport) -> None:
        """Forget a connection."""
        self._open.pop(transport, None)

    def examine_again(self) -> None:
        """Close the connections whose certificates are refused now; this cancels their requests."""
        for transport, chain in tuple(self._open.items()):
            found = self._tls.examine(chain)
            if isinstance(found, CertificateFault):
                del self._open[transport]
                self._tell(_address(transport), found)
                reset(transport)

    def failed(self, address: str, error: FailedHandshake) -> None:
        """Tell of a handshake that failed, if that was for the certificate of the client."""
        if error.has_no_certificate:
            self._tell(address, CERTIFICATE_REQUIRED)
        elif error.is_about_certificate:
            self._tell(address, CertificateFault.UNKNOWN_AUTHORITY)

    def _tell(self, address: str, reason: str) -> str:
        """Log and record a refusal, each so rarely that strangers cannot fill the log; return an id for it."""
        request_id = secrets.token_hex(16)
        text = "closed a connection from %s: its client certificate is refused (%s)"
        self._warnings.warn(text, address, reason)
        if self._refused is not None and self._refused.is_due(address, reason):
            recording = self._refused.record(Origin(request_id, address), reason)
            task = asyncio.get_running_loop().create_task(recording)
            self._recording.add(task)
            task.add_done_callback(self._recording.discard)
        return request_id


def _address(transport: asyncio.Transport) -> str:
    return str((transport.get_extra_info("peername") or ("unknown",))[0])


def _refuse(transport: asyncio.Transport, fault: CertificateFault, request_id: str) -> None:
    """Say why a certificate is refused, in HTTP, because TLS could not say it; and close the connection."""
    error = InvalidTokenError(
        f"The client certificate is refused ({fault})", advice=Advice.ASK_FOR_CERTIFICATE
    )
    problem = Problem(
        status=401,
        code=ProblemCode.INVALID_CREDENTIALS,
        error="Unauthorized",
        message=error.message,
        request_id=request_id,
        hint=hint_text(error),
    )
    body = msgspec.json.encode(problem.body())
    head = (
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
        f"Cache-Control: no-store\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    transport.write(head.encode() + body)
    transport.close()


def peer_chain(ssl_object: Any) -> tuple[bytes, ...]:
    """Return the certificate of a client and those that it sent with it; empty if it sent none."""
    leaf = None if ssl_object is None else ssl_object.getpeercert(binary_form=True)
    if leaf is None:
        return ()
    # Public since Python 3.13; before, the object within has it.
    if hasattr(ssl_object, "get_unverified_chain"):
        return tuple(ssl_object.get_unverified_chain()) or (leaf,)
    sent = ssl_object._sslobj.get_unverified_chain()
    return tuple(ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in sent or ()) or (leaf,)
