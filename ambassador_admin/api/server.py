"""What a server says of itself: readiness, settings, the administrator it takes us for, its CA certificate."""

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import CA_CERTIFICATE, READY, SERVER_CONFIG, SERVER_HEALTH, WHOAMI


def ready() -> Request:
    """Ask whether calls can be served."""
    return get(READY)


def whoami() -> Request:
    """Ask who we are to the server."""
    return get(WHOAMI)


def configuration() -> Request:
    """Ask which settings are in force."""
    return get(SERVER_CONFIG)


def health() -> Request:
    """Ask how the server and everything it delivers to are doing."""
    return get(SERVER_HEALTH)


def ca_certificate() -> Request:
    """Ask for the CA certificate; it proves nothing until its fingerprint has been compared."""
    return get(
        CA_CERTIFICATE, missing_hint="the server has no CA of its own: use --ca FILE, or neither option"
    )
