"""Removes grants that expired long ago: until then administrators see what was permitted, and which grant ended."""

from datetime import timedelta
from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.policy.grants import Grant
from ambassador_server.ports.clock import Clock
from ambassador_server.services.administration.grants import remove_grant
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

KEPT: Final = timedelta(days=30)
"""How long an expired grant of a group is kept."""
KEPT_OF_REQUEST: Final = timedelta(days=1)
"""How long one is kept that the approval of a request has made; the request is kept for longer."""
MOST_AT_ONCE: Final = 500
"""How many are removed in one transaction; the rest waits for the next time."""


class ExpiredGrants:
    """Removes expired grants; no decision depends on it."""

    def __init__(self, *, policy: PolicyKeeper, changes: Changes, clock: Clock) -> None:
        self._policy = policy
        self._changes = changes
        self._clock = clock

    async def remove_old(self) -> None:
        """Remove those that expired long enough ago, each with a record; opens nothing if there are none."""
        due = [each.grant_id for each in self._policy.snapshot.grants_by_id.values() if self._is_due(each)]
        if not due:
            return
        async with self._changes.open(Requester(None, None)) as change:
            for grant_id in due[:MOST_AT_ONCE]:
                grant = await change.work.grants.get(grant_id)
                # It may have been removed or renewed since the policy was read.
                if grant is not None and self._is_due(grant):
                    await remove_grant(change, grant)

    def _is_due(self, grant: Grant) -> bool:
        kept = KEPT if grant.request_id is None else KEPT_OF_REQUEST
        return grant.expires_at is not None and grant.has_expired(self._clock.now() - kept)
