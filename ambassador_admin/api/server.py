"""What a server says of itself: readiness, the administrator it takes us for, and its CA certificate."""

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import CA_CERTIFICATE, READY, WHOAMI


def ready() -> Request:
    """Ask whether calls can be served."""
    return get(READY)


def whoami() -> Request:
    """Ask who we are to the server."""
    return get(WHOAMI)


def ca_certificate() -> Request:
    """Ask for the CA certificate; it proves nothing until its fingerprint has been compared."""
    return get(CA_CERTIFICATE, missing="the server has no CA of its own: use --ca FILE, or neither option")
