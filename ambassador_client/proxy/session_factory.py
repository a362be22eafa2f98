"""Puts together what talks to the server; importing it is the slow part of a start, so nobody waits for it."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from ambassador_client.account.session_cache import Slot, SlotOwner, sessions_directory
from ambassador_client.account.settings import load_settings
from ambassador_client.account.sources import Flags
from ambassador_client.account.tls import context_from_settings
from ambassador_client.link.http_client import HttpClient
from ambassador_client.proxy.session import Session

if TYPE_CHECKING:
    from ambassador_client.account.proxy_tunnel import ProxyTunnel


def create_session(flags: Flags | None, report: Callable[[str], None]) -> Session:
    """Return the session the settings describe, not yet opened; raises ClientError for settings of no use."""
    settings = load_settings(flags or Flags())
    tunnel = _configured_tunnel(settings.server_url, os.environ)
    dial = None if tunnel is None else tunnel.dial
    if settings.is_encrypted and settings.allow_self_signed:
        report("any certificate is believed (MCP_AMBASSADOR_ALLOW_SELF_SIGNED): the server could be anyone")
    holder = SlotOwner(settings.credential.label, settings.friendly_name, settings.host_tool)
    return Session(
        HttpClient(
            settings.server_url, None, tls_factory=partial(context_from_settings, settings, dial), dial=dial
        ),
        lambda: settings.identity,
        Slot.claim(sessions_directory(), settings.server_url, holder),
        heartbeat_seconds=settings.heartbeat_seconds,
        report=report,
    )


def _configured_tunnel(url: str, environ: Mapping[str, str]) -> "ProxyTunnel | None":
    if not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from ambassador_client.account.proxy_tunnel import tunnel_to  # noqa: PLC0415 - most networks have no proxy

    return tunnel_to(url, environ)
