"""Reads the metrics of the running server from its memory, without the database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.catalog.mcps import DownstreamStatus, Mcp, McpStatus
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_log import AuditLog
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.services.audit.counted_calls import CallCounts
from ambassador_server.services.audit.delivery import SinkStatus
from ambassador_server.services.audit.log_indexing import IndexState
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.monitoring.audit_metrics import index_families, log_families, sink_families
from ambassador_server.services.monitoring.call_metrics import call_families
from ambassador_server.services.monitoring.families import Family, FamilyKind, single

_LOOK_SECONDS: Final = 2.0
"""A disk that hangs must not hold back the metrics that tell about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """What the metrics of calls are read from; `refusals` are those of client keys, by the name of their limit."""

    counts: CallCounts
    catalog: Catalog
    in_flight: CallsInFlight
    refusals: Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """What the metrics of the audit are read from; `contradictions` counts those that are known."""

    log: AuditLog
    index: Callable[[], Awaitable[IndexState]]
    sinks: Callable[[], Sequence[SinkStatus]]
    contradictions: Callable[[], int]


class Metrics:
    """Every metric of this server; the counts of an MCP end when it is removed.

    Labels are names in the catalog and in the configuration, and words of closed lists: never what a caller wrote, and
    never a person.
    """

    def __init__(
        self,
        *,
        calls: CallState,
        audit: AuditState,
        policy: PolicyKeeper,
        downstreams: Downstreams,
        open_sessions: Callable[[], int],
    ) -> None:
        self._calls = calls
        self._audit = audit
        self._policy = policy
        self._downstreams = downstreams
        self._open_sessions = open_sessions
        self._mcps: Mapping[str, Mcp] = {}
        policy.subscribe(self._forget_removed)

    async def families(self) -> list[Family]:
        """Return every family with its values of now; without those of the index if its logs cannot be looked at."""
        audit = self._audit
        index, log = await self._index_state(), audit.log
        published = {
            mcp_id: mcp
            for mcp_id, mcp in self._policy.snapshot.mcps.items()
            if mcp.status is McpStatus.PUBLISHED
        }
        calls = self._calls
        return [
            *call_families(calls.counts, calls.catalog, published, calls.refusals()),
            *self._of_downstreams(published),
            *self._of_policy(),
            *log_families(log, audit.contradictions()),
            *(() if index is None else index_families(index)),
            *sink_families(audit.sinks(), log.writer, log.queue().written_seq),
        ]

    async def _index_state(self) -> IndexState | None:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._audit.index()
        except (AuditUnavailableError, TimeoutError):
            return None

    def _of_downstreams(self, published: Mapping[str, Mcp]) -> Iterator[Family]:
        in_flight = self._calls.in_flight.by_mcp()
        states = {mcp.name: self._downstreams.state(mcp_id) for mcp_id, mcp in published.items()}
        activities = {mcp.name: self._downstreams.activity(mcp_id) for mcp_id, mcp in published.items()}
        yield _of_mcps(
            "mcp_ambassador_calls_in_flight",
            "Calls that run now.",
            {mcp.name: in_flight[mcp_id] for mcp_id, mcp in published.items()},
        )
        yield Family(
            name="mcp_ambassador_downstream_state",
            kind=FamilyKind.GAUGE,
            help="1 for the state that the downstream of a published MCP is in, 0 for the others.",
            labels=("mcp", "state"),
            samples=[
                ((name, status.value), state.status is status)
                for name, state in states.items()
                for status in DownstreamStatus
            ],
        )
        yield _of_mcps(
            "mcp_ambassador_downstream_tools",
            "Tools that the downstream offers.",
            {name: len(state.tools) for name, state in states.items()},
        )
        yield _of_mcps(
            "mcp_ambassador_downstream_connections",
            "Open connections to the downstream, those of single users included.",
            {name: activity.connections for name, activity in activities.items()},
        )
        yield _of_mcps(
            "mcp_ambassador_downstream_restarts",
            "Attempts to connect after the first, of the connections that exist now.",
            {name: activity.restarts for name, activity in activities.items()},
        )

    def _of_policy(self) -> Iterator[Family]:
        snapshot = self._policy.snapshot
        yield single(
            FamilyKind.GAUGE,
            "mcp_ambassador_policy_version",
            "Version of the policy by which calls are decided.",
            snapshot.version,
        )
        yield single(
            FamilyKind.GAUGE,
            "mcp_ambassador_policy_age_seconds",
            "How long ago the database confirmed the version of the policy.",
            self._policy.age_seconds(),
        )
        yield single(
            FamilyKind.GAUGE,
            "mcp_ambassador_policy_stale",
            "1 while calls are denied because the database does not confirm the policy, else 0.",
            self._policy.is_stale(),
        )
        yield Family(
            name="mcp_ambassador_mcps",
            kind=FamilyKind.GAUGE,
            help="MCPs in the catalog by status.",
            labels=("status",),
            samples=[
                ((status.value,), sum(mcp.status is status for mcp in snapshot.mcps.values()))
                for status in McpStatus
            ],
        )
        yield single(
            FamilyKind.GAUGE,
            "mcp_ambassador_kill_switches",
            "Kill switches that are not lifted, without drills.",
            len(snapshot.switches_by_id),
        )
        yield single(
            FamilyKind.GAUGE,
            "mcp_ambassador_sessions",
            "Sessions of clients that are open on this server.",
            self._open_sessions(),
        )

    def _forget_removed(self, snapshot: Snapshot) -> None:
        # A snapshot shares what did not change with the one before.
        if snapshot.mcps is not self._mcps:
            self._mcps = snapshot.mcps
            self._calls.counts.retain(snapshot.mcps)


def _of_mcps(name: str, text: str, values: Mapping[str, int]) -> Family:
    return Family(
        name=name,
        kind=FamilyKind.GAUGE,
        help=text,
        labels=("mcp",),
        samples=[((mcp,), value) for mcp, value in values.items()],
    )
