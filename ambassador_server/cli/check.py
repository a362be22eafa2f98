"""The command `ambassador-server check`, which checks what the server needs to start and changes nothing."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ambassador_server.cli.options import ConfigFile, DatabaseUrl, DataDir, Json, configuration
from ambassador_server.errors import AmbassadorError, ConfigurationError

if TYPE_CHECKING:
    from ambassador_server.config import ServerConfig

_MOST_COMPARED = 50_000
"""The newest records of each log that are compared with the index; a running server compares all of them."""


def check(
    data_dir: DataDir = None,
    config: ConfigFile = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Check what the server needs, from configuration and keys to sandboxes and descriptors; exit 1 if a check fails.

    Example: ambassador-server check --data-dir ./data
    """
    settings = configuration(config, data_dir=data_dir, database_url=database_url)
    checks: dict[str, Callable[[ServerConfig], str]] = {
        "data directory": _data_dir,
        "database": _database,
        "audit log": _audit_log,
        "audit anchors": _audit_anchors,
        "audit index": _audit_index,
        "audit sinks": _audit_sinks,
        "vault": _vault,
        "sandboxes": _sandboxes,
        "connections": _connections,
    }
    if settings.telemetry.endpoint is not None:
        checks["telemetry"] = _telemetry
    if settings.gateway.is_configured:
        checks["gateway"] = _gateway
    results = {name: _run(probe, settings) for name, probe in checks.items()}
    if as_json:
        typer.echo(json.dumps({name: {"ok": ok, "detail": detail} for name, (ok, detail) in results.items()}))
    else:
        for name, (ok, detail) in results.items():
            typer.echo(f"{'ok  ' if ok else 'FAIL'}  {name}: {detail}")
    if not all(ok for ok, _ in results.values()):
        raise typer.Exit(1)


def _run(probe: Callable[["ServerConfig"], str], settings: "ServerConfig") -> tuple[bool, str]:
    try:
        return True, probe(settings)
    except AmbassadorError as error:
        return False, error.message


def _data_dir(settings: "ServerConfig") -> str:
    if not settings.data_dir.is_dir():
        raise ConfigurationError(f"{settings.data_dir} does not exist; run `ambassador-server init`")
    return str(settings.data_dir.resolve())


def _database(settings: "ServerConfig") -> str:
    from ambassador_server.storage import migrate

    state = asyncio.run(migrate.check(settings.store_url))
    if state.status is not migrate.SchemaStatus.CURRENT:
        raise ConfigurationError(f"the schema is {state.description}; this version needs {state.code}")
    return f"the schema is {state.code}"


def _audit_log(settings: "ServerConfig") -> str:
    from ambassador_protocol.audit.public_keys import PublicKey
    from ambassador_protocol.audit.verify import verify
    from ambassador_server.crypto.audit_signer import AuditSigner
    from ambassador_server.crypto.key_ring import audit_keys_in

    seeds = audit_keys_in(settings.keys_dir)
    keys = (
        [PublicKey.from_base64(text) for text in AuditSigner(seeds).public_keys.values()] if seeds else None
    )
    try:
        found = verify(settings.audit_dir, keys)
    except OSError as error:
        raise ConfigurationError(f"the audit log cannot be read: {error.strerror}") from error
    if found.faults:
        raise ConfigurationError(
            f"the chain is broken at {found.faults[0]}; if a start refuses it, `ambassador-server audit "
            "quarantine` renames the segment"
        )
    if not found.ok:
        raise ConfigurationError(f"{settings.audit_dir} holds no record")
    adopted = sum(writer.adopted for writer in found.writers)
    count = sum(len(writer.quarantined) for writer in found.writers)
    gone = f"; segments in quarantine: {count}" if count else ""
    note = f"; signed by a later start: {adopted}" if adopted else ""
    waiting = sum(writer.without_outcome or 0 for writer in found.writers)
    unknown = f"; attempts without an outcome, which may have run: {waiting}" if waiting else ""
    return f"{found.records} records, every chain is intact{note}{gone}{unknown}"


def _audit_anchors(settings: "ServerConfig") -> str:
    from ambassador_server.bootstrap.foundation import losses_of
    from ambassador_server.crypto.audit_signer import AuditSigner
    from ambassador_server.crypto.key_ring import audit_keys_in
    from ambassador_server.storage.sql_store import open_store

    seeds = audit_keys_in(settings.keys_dir)
    if not seeds:
        raise ConfigurationError(
            "there is no signing key to compare the log with; run `ambassador-server init`"
        )

    async def compare() -> str:
        store = await open_store(settings.store_url)
        try:
            losses = await losses_of(settings, store, AuditSigner(seeds))
        finally:
            await store.close()
        if losses:
            raise ConfigurationError("; ".join(loss.sentence for loss in losses))
        return "the log has the checkpoints that the database knows"

    return asyncio.run(compare())


def _audit_index(settings: "ServerConfig") -> str:
    from ambassador_server.audit_log.segmented_log import JsonlSegments
    from ambassador_server.bootstrap.clock import SystemClock
    from ambassador_server.services.audit.index_comparison import IndexComparison
    from ambassador_server.storage.database_url import database_file
    from ambassador_server.storage.sql_store import open_store

    async def compare() -> str:
        store = await open_store(settings.store_url)
        writers = (settings.node, settings.init_writer)
        comparisons = [
            IndexComparison(
                store=store,
                log=JsonlSegments(settings.audit_dir, writer),
                clock=SystemClock(),
                prunes_of=None if database_file(settings.store_url) is None else writers,
            )
            for writer in writers
        ]
        try:
            found = [await each.run(at_most=_MOST_COMPARED) for each in comparisons]
        finally:
            await store.close()
        if any(found):
            raise ConfigurationError("; ".join(each.sentence for each in found if each is not None))
        compared = sum(each.compared for each in comparisons)
        return f"the index is a copy of the log in the last {compared} records that it has"

    return asyncio.run(compare())


def _audit_sinks(settings: "ServerConfig") -> str:
    from ambassador_server.audit_sinks import build_sink

    for options in settings.audit.sinks:
        build_sink(options)
    names = [options.name for options in settings.audit.sinks]
    differences = asyncio.run(_differing_positions(settings, names)) if names else []
    if differences:
        raise ConfigurationError("; ".join(differences))
    return ", ".join(names) or "there is none"


def _telemetry(settings: "ServerConfig") -> str:
    from ambassador_server.bootstrap.telemetry import check_telemetry

    check_telemetry(settings)
    section = settings.telemetry
    chosen = [name for name, wanted in (("traces", section.traces), ("metrics", section.metrics)) if wanted]
    return f"{' and '.join(chosen) or 'nothing'} to {str(section.endpoint).partition('?')[0]}"


def _gateway(settings: "ServerConfig") -> str:
    from ambassador_server.bootstrap.gateway import gateway_secrets

    section, count = settings.gateway, len(gateway_secrets(settings))
    ways = [f"{count} secret{'s' if count > 1 else ''} for signatures"] if count else []
    if section.host is not None and section.client_ca_file is not None:
        _check_listener(settings)
        _check_trust(section.client_ca_file, section.crl_file)
        ways.append(f"a listener for {', '.join(section.allowed_names)}")
    if section.forwarded_ca_file is not None:
        _check_trust(section.forwarded_ca_file, section.forwarded_crl_file)
        ways.append("forwarded certificates")
    issuer = asyncio.run(_issuer_of(settings, section.name))
    note = (
        f"its headers are those of issuer {issuer}"
        if issuer is not None
        else f"no issuer says what its headers mean: ambassador-admin issuer add NAME --gateway {section.name}"
    )
    return f"{section.name} has {' and '.join(ways)}; {note}"


def _check_listener(settings: "ServerConfig") -> None:
    """Refuse a certificate of the listener that is given and cannot be used; its own one is made at the start."""
    from ambassador_server.crypto.certificates import given_ssl_context

    if settings.certificate_file is not None and settings.certificate_key_file is not None:
        given_ssl_context(settings.certificate_file, settings.certificate_key_file)


def _check_trust(ca_file: Path, crl_file: Path | None) -> None:
    from ambassador_server.crypto.client_trust import ClientTrust

    trust, now = ClientTrust.read(ca_file, crl_file), datetime.now(UTC)
    if trust.has_expired(now):
        raise ConfigurationError(f"the authorities in {ca_file} have expired")
    if trust.list_fault(now):
        raise ConfigurationError(f"a revocation list in {crl_file} has expired")


async def _issuer_of(settings: "ServerConfig", gateway: str) -> str | None:
    from ambassador_server.domain.people.issuers import gateway_url
    from ambassador_server.storage.sql_store import open_store

    store = await open_store(settings.store_url)
    try:
        async with store.read() as work:
            known = await work.issuers.all()
    finally:
        await store.close()
    return next((each.name for each in known if each.url == gateway_url(gateway)), None)


async def _differing_positions(settings: "ServerConfig", names: list[str]) -> list[str]:
    from ambassador_server.audit_log.sink_journal import FileSinkJournal
    from ambassador_server.services.audit.sink_positions import SinkPositions
    from ambassador_server.storage.sql_store import open_store

    store = await open_store(settings.store_url)
    try:
        journal = FileSinkJournal(settings.audit_dir, settings.node)
        stored = SinkPositions(store=store, journal=journal, node=settings.node)
        starts = [await stored.load(name) for name in names]
    finally:
        await store.close()
    return [found.sentence for start in starts for found in start.anomalies]


def _vault(settings: "ServerConfig") -> str:
    from ambassador_server.cli.vault_keys import master_keys
    from ambassador_server.services.credentials.vault_state import KeyUse, sentence_of_loss

    keys = asyncio.run(master_keys(settings))
    lost = [sentence_of_loss(key) for key in keys if key.use is KeyUse.LOST]
    if lost:
        raise ConfigurationError("; ".join(lost))
    values = sum(key.values for key in keys)
    names = ", ".join(f"vault-{key.number}" for key in keys)
    return f"{names} are there for {values} stored values" if keys else "the first start creates a master key"


def _sandboxes(settings: "ServerConfig") -> str:
    from ambassador_server.bootstrap.options import program_settings
    from ambassador_server.downstream.sandboxes import offers

    found = offers(program_settings(settings))
    default = next((offer.kind for offer in found if offer.is_default), None)
    if default is None:
        raise ConfigurationError(
            "no sandbox is available, and stdio.unsandboxed refuses programs without one"
        )
    lines = [
        f"{offer.kind} ({offer.detail})" if offer.available else f"no {offer.kind} ({offer.detail})"
        for offer in found
    ]
    return f"MCPs over stdio get {default}; this machine offers {'; '.join(lines)}"


def _connections(settings: "ServerConfig") -> str:
    from ambassador_server.bootstrap.open_files import connection_bounds

    bounds = connection_bounds(settings.limits)
    limit = "no limit of descriptors" if bounds.descriptors is None else f"{bounds.descriptors} descriptors"
    return f"{limit}; the client API accepts {bounds.client.total}, the admin API {bounds.admin.total}"
