"""A TLS context that keeps the alert of a failed handshake: event loops drop what OpenSSL wrote for the client."""

import ssl
from typing import Any, Final

_NO_CERTIFICATE: Final = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


class HandshakeError(ssl.SSLError):
    """A TLS handshake that failed; `alert` is what the client is still to be sent, so that it knows why."""

    def __init__(self, error: ssl.SSLError, alert: bytes) -> None:
        super().__init__(*error.args)
        self.alert = alert
        # The attributes of the original are not those of its copy.
        self.is_about_certificate = (
            isinstance(error, ssl.SSLCertVerificationError) or error.reason == _NO_CERTIFICATE
        )
        self.has_no_certificate = error.reason == _NO_CERTIFICATE


class TellingContext(ssl.SSLContext):
    """A context whose failed handshakes raise HandshakeError."""

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *given: Any, **named: Any
    ) -> ssl.SSLObject:
        """Return the TLS of one connection."""
        made = super().wrap_bio(incoming, outgoing, *given, **named)
        if isinstance(made, _TellingObject):
            made.outgoing = outgoing
        return made


class _TellingObject(ssl.SSLObject):
    outgoing: ssl.MemoryBIO | None = None

    def do_handshake(self) -> None:
        """Negotiate. Raises HandshakeError with the alert."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            alert = b"" if self.outgoing is None else self.outgoing.read()
            raise HandshakeError(error, alert) from error


TellingContext.sslobject_class = _TellingObject
