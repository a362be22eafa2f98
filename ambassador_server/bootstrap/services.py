"""Builds the use cases of each folder of services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ambassador_protocol.backoff import Backoff
from ambassador_protocol.mcp import MAX_CALL_SECONDS
from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.archive_files import ArchiveFiles
from ambassador_server.audit_log.read_only_log import ReadOnlyLog
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.bootstrap.administration_services import create_administration, create_own_use_cases
from ambassador_server.bootstrap.call_services import create_broadcasts, create_calls, create_catalog
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.index_process.supervisor import SupervisedIndexer
from ambassador_server.bootstrap.key_rates import KeyRates
from ambassador_server.bootstrap.monitoring import audit_state, call_state, create_health, create_metrics
from ambassador_server.bootstrap.sign_in_services import (
    create_administrator_sign_in,
    create_client_sign_in,
    create_organisation_prover,
)
from ambassador_server.config import ServerConfig
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.tracing import Tracer
from ambassador_server.services.administration.found_faults import FoundFaults
from ambassador_server.services.administration.health import Health
from ambassador_server.services.administration.own_use_cases import OwnUseCases
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.audit.anchors import AuditAnchors
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.audit.delivery import LONGEST_WAIT, AuditDeliveries, SinkSettings
from ambassador_server.services.audit.feed import AuditFeed
from ambassador_server.services.audit.file_copies import AuditFileCopies
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.proof import AuditProof
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.services.audit.sink_positions import SinkPositions
from ambassador_server.services.audit.unfinished import UnfinishedAttempts
from ambassador_server.services.audit.use_cases import AuditUseCases
from ambassador_server.services.calls.broadcasts import Broadcasts
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.credentials.vault_state import VaultState
from ambassador_server.services.monitoring.metrics import Metrics
from ambassador_server.services.registry.approvals import Approvals
from ambassador_server.services.registry.connection_tests import ConnectionTests
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from ambassador_server.services.registry.execution import Execution
from ambassador_server.services.registry.first_lists import FirstLists
from ambassador_server.services.registry.mcp_reports import McpReports
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.registry.transform_rules import TransformRules
from ambassador_server.services.registry.use_cases import RegistryUseCases
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.services.sign_in.use_cases import AdministratorSignIn, ClientSignIn

_SINK_PAUSES = Backoff(0.5, LONGEST_WAIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """The use cases of every folder, and the services that run without a request."""

    calls: CallUseCases
    in_flight: CallsInFlight
    audit: AuditUseCases
    client_sign_in: ClientSignIn
    administrator_sign_in: AdministratorSignIn
    registry: RegistryUseCases
    administration: AdministrationUseCases
    own: OwnUseCases
    health: Health
    watch: DownstreamWatch
    first_lists: FirstLists
    deliveries: AuditDeliveries
    indexer: SupervisedIndexer
    anchors: AuditAnchors
    unfinished: UnfinishedAttempts
    anomalies: AuditAnomalies
    vault: VaultState
    metrics: Metrics


def create_services(
    config: ServerConfig, base: Foundation, sinks: Sequence[SinkSettings], tracer: Tracer | None
) -> UseCases:
    """Build the use cases."""
    logs = (base.log, ReadOnlyLog(config.audit_dir, config.init_writer))
    deliveries = _deliveries(config, base, sinks, logs)
    indexer = SupervisedIndexer(
        url=config.store_url, audit_directory=config.audit_dir, store=base.store, logs=logs, clock=base.clock
    )
    anchors = AuditAnchors(store=base.store, log=base.log, recorder=base.recorder, losses=base.losses)
    archive = JsonlArchive(config.audit_dir, base.signer)
    writers = (config.node, config.init_writer)
    anomalies = AuditAnomalies(archive=archive, recorder=base.recorder, writers=writers)
    vault = VaultState(store=base.store, vault=base.vault)
    faults = FoundFaults(anchors=anchors, anomalies=anomalies, vault=vault)
    first_lists = FirstLists(policy=base.policy, lender=base.lending, downstreams=base.downstreams)
    broadcasts = create_broadcasts(config, base)
    catalog = create_catalog(config, base, first_lists, broadcasts)
    in_flight, rates = CallsInFlight(base.policy), KeyRates.of(config, base.clock)
    passwords, organisations = _passwords(base), create_organisation_prover(base)
    client_sign_in = create_client_sign_in(config, base, rates, organisations)
    client_sign_in.sessions.subscribe(in_flight.end_session)
    administration = create_administration(config, base, catalog, in_flight, client_sign_in, passwords)
    return UseCases(
        calls=create_calls(config, base, catalog, in_flight, client_sign_in.sessions, rates, tracer),
        in_flight=in_flight,
        audit=_audit(config, base, indexer, deliveries, AuditProof(archive, anchors, anomalies)),
        client_sign_in=client_sign_in,
        administrator_sign_in=create_administrator_sign_in(config, base, passwords, organisations),
        registry=_registry(config, base, catalog, broadcasts),
        administration=administration,
        own=create_own_use_cases(base, catalog, client_sign_in, administration),
        health=create_health(base, indexer, deliveries, faults),
        vault=vault,
        watch=_watch(base),
        first_lists=first_lists,
        deliveries=deliveries,
        indexer=indexer,
        anchors=anchors,
        unfinished=_unfinished(base),
        anomalies=anomalies,
        metrics=create_metrics(
            base,
            calls=call_state(base, catalog, in_flight, rates),
            audit=audit_state(base, indexer, deliveries, anomalies),
            sessions=client_sign_in.sessions,
        ),
    )


def _passwords(base: Foundation) -> PasswordProver:
    return PasswordProver(
        store=base.store, recorder=base.recorder, hashers=base.password_hashers, throttle=base.throttle
    )


def _deliveries(
    config: ServerConfig,
    base: Foundation,
    sinks: Sequence[SinkSettings],
    logs: Sequence[AuditLogReader],
) -> AuditDeliveries:
    journal = FileSinkJournal(config.audit_dir, config.node)
    return AuditDeliveries(
        sinks=sinks,
        logs=logs,
        journal=journal,
        stored=SinkPositions(store=base.store, journal=journal, node=config.node),
        clock=base.clock,
        pause_after=_SINK_PAUSES.after,
    )


def _audit(
    config: ServerConfig,
    base: Foundation,
    indexer: SupervisedIndexer,
    deliveries: AuditDeliveries,
    proof: AuditProof,
) -> AuditUseCases:
    search = AuditSearch(store=base.store, indexer=indexer)
    retention = AuditRetention(
        store=base.store,
        log=base.log,
        search=search,
        deliveries=deliveries,
        recorder=base.recorder,
        clock=base.clock,
    )
    return AuditUseCases(
        search=search,
        feed=AuditFeed(search),
        proof=proof,
        copies=AuditFileCopies(ArchiveFiles(config.audit_dir), base.recorder),
        retention=retention,
    )


def _unfinished(base: Foundation) -> UnfinishedAttempts:
    longest = timedelta(seconds=MAX_CALL_SECONDS)
    return UnfinishedAttempts(log=base.log, clock=base.clock, longest=longest)


def _registry(
    config: ServerConfig, base: Foundation, catalog: Catalog, broadcasts: Broadcasts
) -> RegistryUseCases:
    store, downstreams = base.store, base.downstreams
    execution = Execution(downstreams=downstreams, administrators_execute=config.stdio.administrators_execute)
    tests = ConnectionTests(
        downstreams=downstreams,
        recorder=base.recorder,
        changes=base.changes,
        execution=execution,
        lender=base.lending,
        resolve=resolve_reference,
    )
    return RegistryUseCases(
        mcps=Mcps(
            store=store,
            changes=base.changes,
            downstreams=downstreams,
            tests=tests,
            execution=execution,
            transforms=TransformRules(downstreams=downstreams, separator=config.separator, clock=base.clock),
            clock=base.clock,
        ),
        approvals=Approvals(changes=base.changes, downstreams=downstreams, clock=base.clock),
        reports=McpReports(
            store=store, policy=base.policy, downstreams=downstreams, catalog=catalog, broadcasts=broadcasts
        ),
    )


def _watch(base: Foundation) -> DownstreamWatch:
    return DownstreamWatch(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        downstreams=base.downstreams,
        clock=base.clock,
    )
