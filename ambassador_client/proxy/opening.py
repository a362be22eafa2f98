"""Puts together what talks to the server; importing it is the slow part of a start, so nobody waits for it."""

from collections.abc import Callable

from ambassador_client.account.session_cache import Holder, Slot, sessions_directory
from ambassador_client.account.settings import Flags, load_settings
from ambassador_client.account.trust import context_for
from ambassador_client.link.client import Link
from ambassador_client.proxy.session import Session


def open_session(flags: Flags | None, report: Callable[[str], None]) -> Session:
    """Return the session the settings describe, not yet opened; raises ClientError for settings of no use."""
    settings = load_settings(flags or Flags())
    tls = context_for(settings)
    if settings.is_encrypted and settings.allow_self_signed:
        report("any certificate is believed (MCP_AMBASSADOR_ALLOW_SELF_SIGNED): the server could be anyone")
    holder = Holder(settings.credential.label, settings.friendly_name, settings.host_tool)
    return Session(
        Link(settings.server_url, tls),
        lambda: settings.identity,
        Slot.claim(sessions_directory(), settings.server_url, holder),
        heartbeat_seconds=settings.heartbeat_seconds,
        report=report,
    )
