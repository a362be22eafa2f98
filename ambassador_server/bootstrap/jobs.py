"""Lists the clock-driven jobs of a running server."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.gateway import GatewayWatch
from ambassador_server.bootstrap.periodic import Job
from ambassador_server.bootstrap.server import Ambassador
from ambassador_server.bootstrap.services import UseCases
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.certificates import ensure_certificates
from ambassador_server.crypto.listener_tls import ListenerTls
from ambassador_server.services.administration.expired_grants import ExpiredGrants

_POLICY_SECONDS: Final = 0.5
"""What another server has changed is in force here after this time, and streams end within a second of it."""


def clock_driven_jobs(ambassador: Ambassador, tls: Mapping[str, ListenerTls]) -> Sequence[Job]:
    """Return the jobs; `tls` is the TLS of each listener."""
    config, base, services = ambassador.config, ambassador.base, ambassador.services
    clients, administrators = services.client_sign_in, services.administrator_sign_in
    expired_grants = ExpiredGrants(policy=base.policy, changes=base.changes, clock=base.clock)

    async def probe_log() -> None:
        base.log.probe()

    async def decide_calls_again() -> None:
        services.in_flight.decide_again()

    async def prune_audit() -> None:
        audit = config.audit
        segments, index = _days(audit.keep_segments_days), _days(audit.keep_index_days)
        await services.audit.retention.keep(segments=segments, index=index)

    async def name_differences() -> None:
        await services.anomalies.take_differences(services.indexer.differences.all())

    async def renew_certificates() -> None:
        _renew_certificates(config, tls)

    return (
        *_others(ambassador),
        *_client_certificates(ambassador, tls),
        Job("policy", _POLICY_SECONDS, base.policy.refresh),
        Job("calls in flight", 1.0, decide_calls_again),
        Job("streams of ended sessions", 1.0, services.calls.list_changes.stop_ended_sessions),
        Job("audit index", 0.25, services.indexer.follow),
        Job("audit index comparison", 1.0, name_differences),
        Job("audit log", 1.0, probe_log),
        Job("audit anchor", 1.0, services.anchors.follow),
        Job("closed audit segments", 86400.0, services.anomalies.check_closed_segments),
        Job("master keys", 60.0, services.vault.follow),
        Job("last known tools", 1.0, services.watch.save_tools),
        Job("keys of issuers", 10.0, partial(_refresh_issuer_keys, base)),
        Job("tokens in use", 1.0, partial(_ask_about_tokens, ambassador.services)),
        Job("key uses", 1.0, clients.keys.save_uses),
        Job("session ends", 1.0, clients.sessions.follow_ends),
        Job("sessions", 60.0, clients.sessions.forget_expired),
        Job("logins", 3600.0, administrators.logins.forget_expired),
        Job("enrolments", 3600.0, services.administration.enrolments.forget_expired),
        Job("requests", 10.0, base.requests.expire),
        Job("old requests", 3600.0, base.requests.forget_old),
        Job("unfinished connections", 60.0, base.oauth.pending.revoke_expired),
        Job("expired grants", 3600.0, expired_grants.remove_old),
        Job("audit retention", 3600.0, prune_audit),
        Job("certificates", 86400.0, renew_certificates),
    )


def _client_certificates(ambassador: Ambassador, tls: Mapping[str, ListenerTls]) -> Iterator[Job]:
    """Yield what reads the files of client certificates again, for those that are asked for or forwarded."""
    for name, each in tls.items():
        if each.asks_clients:
            yield Job(f"client certificates of the {name} API", 1.0, each.follow)
    gateway = ambassador.services.client_sign_in.gateway
    if gateway is not None and gateway.forwarded is not None:
        yield Job("certificates that the gateway forwards", 1.0, gateway.forwarded.follow)
    if gateway is not None:
        health = ambassador.services.health
        yield from GatewayWatch(ambassador.config, gateway, health, tls.get("gateway")).jobs()


def _others(ambassador: Ambassador) -> Iterator[Job]:
    """Yield what forgets old uses, and what sends metrics to a collector, if that is configured."""
    uses = ambassador.services.client_sign_in.hosts.uses
    yield Job("what was used once", 60.0, uses.forget_expired)
    telemetry = ambassador.telemetry
    if telemetry is not None and telemetry.has_metrics:
        export = partial(telemetry.export_metrics, ambassador.families)
        yield Job("metrics", ambassador.config.telemetry.metrics_seconds, export)


async def _refresh_issuer_keys(base: Foundation) -> None:
    issuers = base.policy.snapshot.issuers
    await base.verifier.refresh(() if issuers is None else tuple(issuers.with_keys()))


async def _ask_about_tokens(services: UseCases) -> None:
    in_use = services.in_flight.principals() | services.calls.list_changes.principals()
    await services.client_sign_in.tokens.ask_again(in_use)


def _renew_certificates(config: ServerConfig, tls: Mapping[str, ListenerTls]) -> None:
    """Renew the server's own certificate if it is due, and use it for new connections."""
    if tls and config.certificate_file is None:
        renewed = ensure_certificates(config.certificates_dir, sorted(config.certificate_names()))
        for each in tls.values():
            each.renew(renewed)


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)
