"""What a server says of a client certificate in the TLS handshake, before there is HTTP."""

from collections.abc import Mapping
from typing import Final

_SAID: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": "it requires a client certificate, and this client presents none",
    "UNKNOWN_CA": "it does not know the authority that signed the client certificate",
    "CERTIFICATE_EXPIRED": "the client certificate has expired",
    "CERTIFICATE_REVOKED": "the client certificate was revoked",
    "CERTIFICATE_UNKNOWN": "the client certificate is not accepted",
    "BAD_CERTIFICATE": "the client certificate is not accepted",
    "UNSUPPORTED_CERTIFICATE": "the client certificate is of a kind that it does not support",
    "ACCESS_DENIED": "the client certificate is not accepted",
}

NEXT_STEP: Final = "Ask your administrator for a certificate that this server accepts: login URL --cert FILE"


def refusal_in_handshake(error: BaseException) -> str | None:
    """Return why a server has refused the connection with its certificate, None for other errors.

    Clients learn that after their own part of the handshake, with the first byte that they read.
    """
    reason = getattr(error, "reason", None)
    alert = reason.partition("ALERT_")[2] if isinstance(reason, str) else ""
    return _SAID.get(alert)
