"""Subscriptions: what clients select of what is granted to their users."""

import uuid
from dataclasses import replace
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.domain.people.role_rules import check_may_act_for
from ambassador_server.domain.policy.grants import CapabilityPatterns, Subscription
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import Advice, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_key, find_mcp, find_owner
from ambassador_server.services.changes.writing import EventTemplate, Written, write


class Subscriptions:
    """The use cases of administrators for subscriptions."""

    def __init__(self, *, store: Store, changes: Changes, patterns: PatternChecks, clock: Clock) -> None:
        self._store = store
        self._patterns = patterns
        self._changes = changes
        self._clock = clock

    async def set(
        self, requester: Requester, key_id: str, mcp_name: str, named: CapabilityPatterns
    ) -> Written[Subscription]:
        """Subscribe a client to an MCP, or change what it selects; without patterns it selects nothing."""
        async with self._changes.open(requester) as change:
            key, mcp = await find_key(change.work, key_id), await find_mcp(change.work, mcp_name)
            check_may_act_for(requester.administrator, await find_owner(change.work, key))
            selected = named.normalised(mcp.name)
            before = await _find(change.work, key.key_id, mcp.mcp_id)
            subscription = before or Subscription(
                subscription_id=str(uuid.uuid4()),
                key_id=key.key_id,
                mcp_id=mcp.mcp_id,
                patterns=selected.tools,
                created_at=self._clock.now(),
                created_by=requester.actor.name or requester.actor.kind,
            )
            after = replace(
                subscription,
                patterns=selected.tools,
                resources=selected.resources,
                prompts=selected.prompts,
            )
            return await write(
                change, change.work.subscriptions, before, after, _EVENTS, key=key.key_id, mcp=mcp.name
            )

    async def set_for(
        self,
        requester: Requester,
        key_id: str,
        mcp_name: str,
        named: CapabilityPatterns,
        *,
        allow_unmatched: bool = False,
    ) -> Written[Subscription]:
        """Do the same for another person's client, with warnings about patterns that match nothing known.

        Raises InvalidInputError for those that are not selected already, unless `allow_unmatched`.
        """
        async with self._changes.together(requester), self._changes.open(requester) as change:
            mcp = await find_mcp(change.work, mcp_name)
            before = await _find(change.work, key_id, mcp.mcp_id)
            written = await self.set(requester, key_id, mcp_name, named)
            added = named if before is None else named.without(before.named, mcp.name)
            findings = await self._patterns.check(change.work, mcp, added)
            warnings = findings.warnings(allow_unmatched=allow_unmatched)
            change.warnings += warnings
        return replace(written, warnings=warnings)

    async def remove(self, requester: Requester, key_id: str, mcp_name: str) -> None:
        """Remove a subscription; the client then has all of automatic grants, and nothing of opt-in grants."""
        async with self._changes.open(requester) as change:
            key, mcp = await find_key(change.work, key_id), await find_mcp(change.work, mcp_name)
            check_may_act_for(requester.administrator, await find_owner(change.work, key))
            found = await _find(change.work, key.key_id, mcp.mcp_id)
            if found is None:
                raise NotFoundError(
                    f"Key {key_id!r} has no subscription to {mcp_name!r}",
                    advice=Advice.NOTHING_TO_DO,
                )
            await change.work.subscriptions.remove(found.subscription_id)
            change.record(
                AuditAction.SUBSCRIPTION_REMOVE,
                _resource(found),
                key=key.key_id,
                mcp=mcp.name,
                before=_details(found),
            )

    async def page(self, listing: Listing) -> Slice[Subscription]:
        """Return one page of the subscriptions."""
        async with self._store.read() as work:
            return await work.subscriptions.page(listing)


async def _find(work: UnitOfWork, key_id: str, mcp_id: str) -> Subscription | None:
    found = await work.subscriptions.of(key_id=key_id, mcp_id=mcp_id)
    return found[0] if found else None


def _resource(subscription: Subscription) -> Resource:
    return Resource(kind="subscription", id=subscription.subscription_id, name=None)


def _details(subscription: Subscription) -> dict[str, Any]:
    return dict(subscription.named.details())


_EVENTS = EventTemplate(
    created=AuditAction.SUBSCRIPTION_SET,
    updated=AuditAction.SUBSCRIPTION_SET,
    resource=_resource,
    details=_details,
)
