"""Finds the server or CA certificate with a given fingerprint and caches it; standard library and h11 only."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import h11

from ambassador_client.account.atomic_files import write_private_file
from ambassador_client.errors import (
    BadAnswerError,
    CertificateRefusedError,
    SettingsError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_protocol.certificates import certificates_in, find_certificate
from ambassador_protocol.paths import CA_CERTIFICATE
from ambassador_protocol.tls_alerts import refusal_in_handshake

_SECONDS = 10.0
_MAX_BYTES = 1 << 18

Dial = Callable[[float], socket.socket]
"""Opens a socket to the server through a proxy within so many seconds."""


def pinned_certificate(url: str, fingerprint: str, cache_directory: Path, dial: Dial | None = None) -> str:
    """Return the certificate, PEM, with this SHA-256 fingerprint in hex.

    Reads it from the cache directory, else from the server: its own certificate or the CA certificate it offers. No
    secret is sent. Raises UntrustedCertificateError if none matches, UnreachableError if there is no connection.
    """
    path = cache_directory / f"{fingerprint}.pem"
    with suppress(OSError, UnicodeDecodeError):
        kept = path.read_text(encoding="ascii")
        if (found := find_certificate(certificates_in(kept), fingerprint)) is not None:
            return found
    found = find_certificate(_server_certificates(url, dial), fingerprint)
    if found is None:
        raise UntrustedCertificateError(
            f"no certificate of {url} has the given fingerprint",
            "Compare it with the one that ambassador-server printed; the connection may be intercepted.",
        )
    with suppress(SettingsError):
        write_private_file(path, found)
    return found


def _server_certificates(url: str, dial: Dial | None) -> Iterator[bytes]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    dial = dial or partial(socket.create_connection, (host, parts.port or 443))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            dial(_SECONDS) as tcp_socket,
            context.wrap_socket(tcp_socket, server_hostname=host) as tls_socket,
        ):
            leaf = tls_socket.getpeercert(binary_form=True)
            if leaf is not None:
                yield leaf
            yield from certificates_in(
                _fetch_ca_certificate(tls_socket, parts.netloc, parts.path + CA_CERTIFICATE)
            )
    except OSError as error:
        if (refused := refusal_in_handshake(error)) is not None:
            # Until the server is known it is shown no certificate.
            raise CertificateRefusedError(
                f"{url} refuses: {refused}",
                "Its CA certificate cannot be fetched: get it from your administrator and name it with --ca-file.",
            ) from error
        raise UnreachableError(
            f"cannot reach {url} : {error.strerror or error}", "Is the server running? Check the address."
        ) from error
    except h11.ProtocolError as error:
        raise BadAnswerError(f"{url} does not answer in HTTP", "Check the address.") from error


def _fetch_ca_certificate(tls_socket: ssl.SSLSocket, authority: str, path: str) -> str:
    http = h11.Connection(h11.CLIENT)
    headers = [("Host", authority), ("Connection", "close")]
    tls_socket.sendall(http.send(h11.Request(method="GET", target=path, headers=headers)) or b"")
    tls_socket.sendall(http.send(h11.EndOfMessage()) or b"")
    body = bytearray()
    while len(body) <= _MAX_BYTES:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(tls_socket.recv(1 << 16))
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.Response | h11.InformationalResponse):
            break
    return body.decode("ascii", errors="replace")
