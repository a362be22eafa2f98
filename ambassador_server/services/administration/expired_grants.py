"""Removes grants that expired long ago: until then administrators see what was permitted, and which grant ended."""

from datetime import timedelta
from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.ports.clock import Clock
from ambassador_server.services.administration.grants import remove_grant
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

KEPT: Final = timedelta(days=30)
"""How long an expired grant is kept."""
MOST_AT_ONCE: Final = 500
"""How many are removed in one transaction; the rest waits for the next time."""


class ExpiredGrants:
    """Removes expired grants; no decision depends on it."""

    def __init__(self, *, policy: PolicyKeeper, changes: Changes, clock: Clock) -> None:
        self._policy = policy
        self._changes = changes
        self._clock = clock

    async def remove_old(self) -> None:
        """Remove the grants that expired more than 30 days ago, each with a record; opens nothing if there are none."""
        before = self._clock.now() - KEPT
        due = [
            each.grant_id for each in self._policy.snapshot.grants_by_id.values() if each.has_expired(before)
        ]
        if not due:
            return
        async with self._changes.open(Requester(None, None)) as change:
            for grant_id in due[:MOST_AT_ONCE]:
                grant = await change.work.grants.get(grant_id)
                # It may have been removed or renewed since the policy was read.
                if grant is not None and grant.has_expired(before):
                    await remove_grant(change, grant)
