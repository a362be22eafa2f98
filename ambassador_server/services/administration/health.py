"""Checks whether the server is ready to serve calls."""

import asyncio
from collections.abc import Callable, Iterable

from ambassador_server.domain.catalog.mcps import SandboxOffer
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.audit_log import AuditLog
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.delivery import AuditDeliveries, SinkStatus
from ambassador_server.services.audit.log_indexing import AuditIndexer, IndexState
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline


class Health:
    """Checks the database, the audit log and the policy, and reports on the audit sinks and sandboxes.

    `faults` names what else was found that makes the server unready.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: AuditLog,
        policy: PolicyKeeper,
        deliveries: AuditDeliveries,
        indexer: AuditIndexer,
        downstreams: Downstreams,
        faults: Callable[[], Iterable[str]],
    ) -> None:
        self._store = store
        self._log = log
        self._policy = policy
        self._deliveries = deliveries
        self._indexer = indexer
        self._downstreams = downstreams
        self._faults = faults
        self._draining = False
        self.gateway_is_usable: bool | None = None
        """Whether the API gateway can prove itself; None if none is configured. Other ways in do not need it."""

    def start_draining(self) -> None:
        """Report not ready from now on, so that load balancers send no new requests."""
        self._draining = True

    async def checks(self) -> dict[str, bool]:
        """Return each check by name; the server is ready if all are true."""
        return {
            "accepting": not self._draining,
            "database": await self._is_database_up(),
            "audit_log": self._log.probe() is None,
            **dict.fromkeys(self._faults(), False),
            "policy": not self._policy.is_stale(),
        }

    async def sinks(self) -> list[SinkStatus]:
        """Return the status of every audit sink; a failing sink does not make the server unready."""
        return await self._deliveries.statuses()

    async def index(self) -> IndexState:
        """Return how far the index of the audit is; an index that is behind does not make the server unready."""
        return await self._indexer.state()

    async def sandboxes(self) -> tuple[SandboxOffer, ...]:
        """Return every sandbox for programs and whether this machine offers it."""
        return await asyncio.to_thread(self._downstreams.sandboxes)

    async def _is_database_up(self) -> bool:
        try:
            await self._ask_database()
        except AmbassadorError:
            return False
        return True

    @within_deadline
    async def _ask_database(self) -> None:
        async with self._store.read() as work:
            await work.policy_version()
