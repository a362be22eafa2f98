"""Builds the use cases of each folder of services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.archive_files import ArchiveFiles
from ambassador_server.audit_log.read_only_log import ReadOnlyLog
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.index_process.supervisor import SupervisedIndexer
from ambassador_server.bootstrap.key_rates import KeyRates
from ambassador_server.bootstrap.monitoring import audit_state, call_state, create_health, create_metrics
from ambassador_server.bootstrap.options import session_bounds
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.mcp.payload_reader import MsgspecPayloads
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.services.administration.access import AccessQueries
from ambassador_server.services.administration.admin_keys import AdminKeys
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.enrolments import Enrolments
from ambassador_server.services.administration.found_faults import FoundFaults
from ambassador_server.services.administration.grants import Grants
from ambassador_server.services.administration.groups import Groups
from ambassador_server.services.administration.health import Health
from ambassador_server.services.administration.limits import Limits
from ambassador_server.services.administration.names import Names
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.own_use_cases import OwnUseCases
from ambassador_server.services.administration.passwords import Passwords
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.scope_targets import ScopeTargets
from ambassador_server.services.administration.session_control import SessionControl
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.administration.switch_effects import SwitchEffects
from ambassador_server.services.administration.switches import Switches
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.administration.users import Users
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
from ambassador_server.services.calls.call_rates import CallRates
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.downstream_calls import DownstreamCalls
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.calls.list_changes import ListChanges
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.calls.resource_updates import ResourceUpdates
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.changes.batch import Batches
from ambassador_server.services.credentials.administration import CredentialAdministration
from ambassador_server.services.credentials.own_credentials import OwnCredentials
from ambassador_server.services.credentials.vault_state import VaultState
from ambassador_server.services.monitoring.metrics import Metrics
from ambassador_server.services.registry.approvals import Approvals
from ambassador_server.services.registry.connection_tests import ConnectionTests
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from ambassador_server.services.registry.execution import Execution
from ambassador_server.services.registry.first_lists import FirstLists
from ambassador_server.services.registry.mcp_reports import McpReports
from ambassador_server.services.registry.mcp_spec import MAX_CALL_SECONDS
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.registry.transform_rules import TransformRules
from ambassador_server.services.registry.use_cases import RegistryUseCases
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.code_redemption import CodeRedemption
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.services.sign_in.sessions import Sessions
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


def create_services(config: ServerConfig, base: Foundation, sinks: Sequence[SinkSettings]) -> UseCases:
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
    catalog = _catalog(config, base, first_lists)
    in_flight, rates = CallsInFlight(base.policy), KeyRates.of(config, base.clock)
    passwords = PasswordProver(
        store=base.store, recorder=base.recorder, hashers=base.password_hashers, throttle=base.throttle
    )
    client_sign_in = _client_sign_in(config, base, rates)
    client_sign_in.sessions.subscribe(in_flight.end_session)
    administration = _administration(config, base, catalog, in_flight, client_sign_in.sessions, passwords)
    return UseCases(
        calls=_calls(config, base, catalog, in_flight, client_sign_in.sessions, rates),
        in_flight=in_flight,
        audit=_audit(config, base, indexer, deliveries, AuditProof(archive, anchors, anomalies)),
        client_sign_in=client_sign_in,
        administrator_sign_in=_administrator_sign_in(config, base, passwords),
        registry=_registry(config, base, catalog),
        administration=administration,
        own=_own(base, catalog, client_sign_in, administration),
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


def _catalog(config: ServerConfig, base: Foundation, first_lists: FirstLists) -> Catalog:
    return Catalog(
        policy=base.policy,
        downstreams=base.downstreams,
        separator=config.separator,
        asked=first_lists.asked,
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


def _calls(
    config: ServerConfig,
    base: Foundation,
    catalog: Catalog,
    in_flight: CallsInFlight,
    sessions: Sessions,
    rates: KeyRates,
) -> CallUseCases:
    pipeline = CallPipeline(
        policy=base.policy,
        catalog=catalog,
        in_flight=in_flight,
        recorder=base.recorder,
        downstreams=DownstreamCalls(base.downstreams, base.lending, config.credential_link),
        payloads=MsgspecPayloads(),
        clock=base.clock,
        rates=CallRates(rates.calls, rates.audit_bytes, CallLimits(base.limit_counters)),
    )
    return CallUseCases(
        catalog=catalog,
        pipeline=pipeline,
        in_flight=in_flight,
        list_changes=ListChanges(
            policy=base.policy,
            catalog=catalog,
            downstreams=base.downstreams,
            session_is_open=sessions.is_open,
        ),
        resource_updates=ResourceUpdates(
            policy=base.policy, catalog=catalog, downstreams=base.downstreams, pipeline=pipeline
        ),
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


def _client_sign_in(config: ServerConfig, base: Foundation, rates: KeyRates) -> ClientSignIn:
    keys = KeyProver(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        rate=rates.sessions,
        pepper=base.key_ring.pepper,
    )
    codes = CodeRedemption(
        store=base.store,
        changes=base.changes,
        prover=keys,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        pepper=base.key_ring.pepper,
    )
    sessions = Sessions(
        store=base.store,
        policy=base.policy,
        tokens=HmacSessionTokens(base.key_ring),
        prover=keys,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        bounds=session_bounds(config),
    )
    return ClientSignIn(codes=codes, keys=keys, sessions=sessions)


def _administrator_sign_in(
    config: ServerConfig, base: Foundation, passwords: PasswordProver
) -> AdministratorSignIn:
    logins = Logins(
        store=base.store,
        changes=base.changes,
        prover=passwords,
        clock=base.clock,
        lifetime=timedelta(seconds=config.session.login_seconds),
        pepper=base.key_ring.pepper,
    )
    prover = AdministratorProver(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        pepper=base.key_ring.pepper,
    )
    return AdministratorSignIn(logins=logins, prover=prover)


def _registry(config: ServerConfig, base: Foundation, catalog: Catalog) -> RegistryUseCases:
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
        reports=McpReports(store=store, policy=base.policy, downstreams=downstreams, catalog=catalog),
    )


def _watch(base: Foundation) -> DownstreamWatch:
    return DownstreamWatch(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        downstreams=base.downstreams,
        clock=base.clock,
    )


def _administration(
    config: ServerConfig,
    base: Foundation,
    catalog: Catalog,
    in_flight: CallsInFlight,
    sessions: Sessions,
    passwords: PasswordProver,
) -> AdministrationUseCases:
    store, changes, policy, clock = base.store, base.changes, base.policy, base.clock
    pepper, names = base.key_ring.pepper, Names(policy)
    patterns = PatternChecks(catalog=catalog, separator=config.separator)
    targets = ScopeTargets(catalog=catalog, patterns=patterns)
    return AdministrationUseCases(
        users=Users(store=store, changes=changes, clock=clock),
        groups=Groups(store=store, changes=changes, names=names, clock=clock),
        passwords=Passwords(changes=changes, hashers=base.password_hashers, prover=passwords, clock=clock),
        client_keys=ClientKeys(
            store=store,
            changes=changes,
            clock=clock,
            pepper=pepper,
            prolonged=config.client_keys.prolonged,
        ),
        enrolments=Enrolments(store=store, changes=changes, clock=clock, pepper=pepper),
        admin_keys=AdminKeys(store=store, changes=changes, clock=clock, pepper=pepper),
        grants=Grants(store=store, changes=changes, patterns=patterns, rules=base.rules, clock=clock),
        subscriptions=Subscriptions(store=store, changes=changes, patterns=patterns, clock=clock),
        credentials=CredentialAdministration(store=store, policy=policy, changes=changes, clock=clock),
        sessions=SessionControl(store=store, changes=changes, sessions=sessions, clock=clock),
        limits=Limits(
            store=store, changes=changes, targets=targets, counters=base.limit_counters, clock=clock
        ),
        switches=Switches(store=store, changes=changes, targets=targets, clock=clock),
        switch_effects=SwitchEffects(
            store=store, policy=policy, catalog=catalog, in_flight=in_flight, clock=clock
        ),
        access=AccessQueries(policy=policy, catalog=catalog),
        batches=Batches(changes=changes),
        names=names,
    )


def _own(
    base: Foundation, catalog: Catalog, sign_in: ClientSignIn, administration: AdministrationUseCases
) -> OwnUseCases:
    access = OwnAccess(
        policy=base.policy,
        catalog=catalog,
        changes=base.changes,
        sessions=sign_in.sessions,
        prover=sign_in.keys,
        keys=administration.client_keys,
        subscriptions=administration.subscriptions,
    )
    credentials = OwnCredentials(
        policy=base.policy, changes=base.changes, vault=base.vault, rights=access, clock=base.clock
    )
    return OwnUseCases(access=access, credentials=base.oauth.for_users(credentials, access))
