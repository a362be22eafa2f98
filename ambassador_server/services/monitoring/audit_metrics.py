"""The metrics of the audit: the log, its index and its sinks."""

from collections.abc import Iterator, Sequence

from ambassador_server.ports.audit_log import AuditLog
from ambassador_server.services.audit.delivery import SinkStatus
from ambassador_server.services.audit.log_indexing import IndexState
from ambassador_server.services.monitoring.families import Family, FamilyKind, single

_SINK = ("sink",)


def log_families(log: AuditLog, contradictions: int) -> Iterator[Family]:
    """Return the families of the log."""
    queue = log.queue()
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_queue_records",
        "Audit records that wait to be written.",
        queue.records,
    )
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_queue_bytes",
        "Bytes of the audit records that wait to be written.",
        queue.size,
    )
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_log_position",
        "Number of the last written line of the audit log of this server.",
        queue.written_seq,
    )
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_log_failing",
        "1 while the audit log cannot be written and calls are refused, else 0.",
        log.failure() is not None,
    )
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_contradictions",
        "Contradictions of the audit that are known now, each of which makes the server unready.",
        contradictions,
    )


def index_families(state: IndexState) -> Iterator[Family]:
    """Return the families of the index."""
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_index_behind_records",
        "Lines of the audit log that are not in the index yet.",
        state.behind_records,
    )
    yield single(
        FamilyKind.GAUGE,
        "mcp_ambassador_audit_index_behind_seconds",
        "How long the index has been behind the audit log.",
        state.behind_seconds,
    )
    yield single(
        FamilyKind.COUNTER,
        "mcp_ambassador_audit_index_restarts",
        "How often the process that writes the index had to be started again.",
        state.restarts,
    )


def sink_families(sinks: Sequence[SinkStatus], writer: str, written_seq: int) -> Iterator[Family]:
    """Return the families of the sinks; `writer` has written the lines up to `written_seq`."""
    yield Family(
        name="mcp_ambassador_audit_sink_position",
        kind=FamilyKind.GAUGE,
        help="Number of the last line that the sink is done with, by the writer of the log.",
        labels=("sink", "writer"),
        samples=[((sink.name, each), seq) for sink in sinks for each, seq in sink.positions.items()],
    )
    yield Family(
        name="mcp_ambassador_audit_sink_behind_records",
        kind=FamilyKind.GAUGE,
        help="Lines of the audit log of this server that the sink is not done with.",
        labels=_SINK,
        samples=[
            ((sink.name,), max(0, written_seq - sink.positions[writer]))
            for sink in sinks
            if writer in sink.positions
        ],
    )
    yield Family(
        name="mcp_ambassador_audit_sink_delivered",
        kind=FamilyKind.COUNTER,
        help="Records that the sink has taken.",
        labels=_SINK,
        samples=[((sink.name,), sink.delivered) for sink in sinks],
    )
    yield Family(
        name="mcp_ambassador_audit_sink_dead_letters",
        kind=FamilyKind.COUNTER,
        help="Records that the sink has refused.",
        labels=_SINK,
        samples=[((sink.name,), sink.dead_letters) for sink in sinks],
    )
    yield Family(
        name="mcp_ambassador_audit_sink_failures",
        kind=FamilyKind.GAUGE,
        help="Attempts to deliver that failed since the last one that succeeded.",
        labels=_SINK,
        samples=[((sink.name,), sink.failures) for sink in sinks],
    )
