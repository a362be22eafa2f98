"""Builds what tells how the running server is: its health and its metrics."""

from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.key_rates import KeyRates
from ambassador_server.services.administration.found_faults import FoundFaults
from ambassador_server.services.administration.health import Health
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.audit.delivery import AuditDeliveries
from ambassador_server.services.audit.log_indexing import AuditIndexer
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.monitoring.metrics import AuditState, CallState, Metrics
from ambassador_server.services.sign_in.sessions import Sessions


def create_health(
    base: Foundation, indexer: AuditIndexer, deliveries: AuditDeliveries, faults: FoundFaults
) -> Health:
    """Build the checks of readiness."""
    return Health(
        store=base.store,
        log=base.log,
        policy=base.policy,
        deliveries=deliveries,
        indexer=indexer,
        downstreams=base.downstreams,
        faults=faults.names,
    )


def call_state(base: Foundation, catalog: Catalog, in_flight: CallsInFlight, rates: KeyRates) -> CallState:
    """Return what the metrics of calls are read from."""
    return CallState(
        counts=base.recorder.counts, catalog=catalog, in_flight=in_flight, refusals=rates.refusals
    )


def audit_state(
    base: Foundation, indexer: AuditIndexer, deliveries: AuditDeliveries, anomalies: AuditAnomalies
) -> AuditState:
    """Return what the metrics of the audit are read from."""
    return AuditState(
        log=base.log,
        index=indexer.state,
        sinks=deliveries.progress,
        contradictions=lambda: len(anomalies.found),
    )


def create_metrics(base: Foundation, *, calls: CallState, audit: AuditState, sessions: Sessions) -> Metrics:
    """Build the metrics."""
    return Metrics(
        calls=calls,
        audit=audit,
        policy=base.policy,
        downstreams=base.downstreams,
        open_sessions=sessions.open_count,
    )
