"""Whether the server is alive, and whether it is ready to serve calls."""

from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.audit_log import AuditLog
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.delivery import AuditDeliveries, SinkStatus
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class Health:
    """Readiness needs the database, the audit log and a policy that can be trusted."""

    def __init__(
        self, *, store: Store, log: AuditLog, policy: PolicyKeeper, deliveries: AuditDeliveries
    ) -> None:
        self._store = store
        self._log = log
        self._policy = policy
        self._deliveries = deliveries
        self._draining = False

    def start_draining(self) -> None:
        """Stop being ready, so that nobody sends new work."""
        self._draining = True

    async def checks(self) -> dict[str, bool]:
        """Return each condition by name; ready means all of them."""
        return {
            "accepting": not self._draining,
            "database": await self._database_answers(),
            "audit_log": self._log.probe() is None,
            "policy": not self._policy.is_stale(),
        }

    async def sinks(self) -> list[SinkStatus]:
        """Tell how every audit sink is doing; none of them has a say in whether the server is ready."""
        return await self._deliveries.statuses()

    async def _database_answers(self) -> bool:
        try:
            async with self._store.read() as work:
                await work.policy_version()
        except AmbassadorError:
            return False
        return True
