"""Creates the session from the settings; imported in a thread, because its imports are slow."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from ambassador_client.account.session_cache import Slot, SlotOwner, sessions_directory
from ambassador_client.account.setting_sources import Flags
from ambassador_client.account.settings import Settings, account_store, load_settings
from ambassador_client.account.tls import context_from_settings
from ambassador_client.link.http_client import HttpClient
from ambassador_client.proxy.key_source import KeySource
from ambassador_client.proxy.proofs import CertificateProof, Proof, SessionProof
from ambassador_client.proxy.session import Session
from ambassador_protocol.variables import misspelling, misspelt_variables

if TYPE_CHECKING:
    from ambassador_client.account.proxy_tunnel import ProxyTunnel


def create_session(flags: Flags | None, report: Callable[[str], None]) -> Session:
    """Return a session for these settings, not yet registered; raises ClientError for invalid settings."""
    for name, near in misspelt_variables(os.environ).items():
        report(misspelling(name, near))
    settings = load_settings(flags or Flags())
    tunnel = _configured_tunnel(settings.server_url, os.environ)
    dial = None if tunnel is None else tunnel.dial
    if settings.is_encrypted and settings.allow_self_signed:
        report(
            "any certificate is accepted (MCP_AMBASSADOR_ALLOW_SELF_SIGNED): the server is not authenticated"
        )
    return Session(
        HttpClient(
            settings.server_url, None, tls_factory=partial(context_from_settings, settings, dial), dial=dial
        ),
        _proof(settings),
        heartbeat_seconds=settings.heartbeat_seconds,
        report=report,
    )


def saved_accounts() -> object:
    """Return at once a value that changes when an account is saved on this machine."""
    return account_store().mark()


def _proof(settings: Settings) -> Proof:
    certificate = settings.certificate
    mark: Callable[[], object] = (lambda: None) if certificate is None else certificate.mark
    if settings.credential is None:
        return CertificateProof(mark)
    credential = settings.credential

    def claim() -> Slot:
        label = credential.label_now() or credential.label
        holder = SlotOwner(label, settings.friendly_name, settings.host_tool)
        return Slot.claim(sessions_directory(), settings.server_url, holder)

    key = KeySource(lambda: settings.identity, credential.mark, credential.label_now)
    return SessionProof(key, claim, mark)


def _configured_tunnel(url: str, environ: Mapping[str, str]) -> "ProxyTunnel | None":
    if not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from ambassador_client.account.proxy_tunnel import tunnel_to  # noqa: PLC0415 - rarely needed

    return tunnel_to(url, environ)
