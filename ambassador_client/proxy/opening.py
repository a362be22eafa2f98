"""Puts together what talks to the server; importing it is the slow part of a start, so nobody waits for it."""

from collections.abc import Callable

from ambassador_client.account.paths import runtime_directory
from ambassador_client.account.session_cache import Slot
from ambassador_client.account.settings import Flags, load_settings
from ambassador_client.account.trust import ssl_context
from ambassador_client.link.client import Link
from ambassador_client.proxy.session import Session


def open_session(flags: Flags | None, report: Callable[[str], None]) -> Session:
    """Return the session the settings describe, not yet opened; raises ClientError for settings of no use."""
    settings = load_settings(flags or Flags())
    tls = None
    if settings.is_encrypted:
        tls = ssl_context(ca_file=settings.ca_file, allow_self_signed=settings.allow_self_signed)
        if settings.allow_self_signed:
            report(
                "any certificate is believed (MCP_AMBASSADOR_ALLOW_SELF_SIGNED): the server could be anyone"
            )
    return Session(
        Link(settings.server_url, tls),
        settings.identity,
        Slot.claim(runtime_directory() / "sessions", settings.server_url, settings.identity),
        heartbeat_seconds=settings.heartbeat_seconds,
        report=report,
    )
