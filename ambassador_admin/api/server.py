"""Requests about the server itself: readiness, settings, health, CA certificate and the caller's identity."""

from ambassador_admin.api.request import Request, get
from ambassador_protocol.paths import CA_CERTIFICATE, READY, SERVER_CONFIG, SERVER_HEALTH, WHOAMI


def ready() -> Request:
    """Show whether the server can serve calls, and which condition fails."""
    return get(READY)


def whoami() -> Request:
    """Show the administrator whom the key authenticates."""
    return get(WHOAMI)


def configuration() -> Request:
    """Show the settings in force."""
    return get(SERVER_CONFIG)


def health() -> Request:
    """Show the conditions of readiness and the audit sinks."""
    return get(SERVER_HEALTH)


def ca_certificate() -> Request:
    """Fetch the CA certificate, which must not be trusted before its fingerprint has been compared."""
    return get(CA_CERTIFICATE, missing_hint="the server has no CA of its own: use --ca FILE, or no option")
