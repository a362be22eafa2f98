"""Limits: setting, removing and listing them, and the fullest counters."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import limit_resource
from ambassador_server.domain.policy.limits import Limit, LimitScope, LimitUse, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_name, check_owner
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.limits import LimitCounters
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.scope_targets import ScopeTargets
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_limit
from ambassador_server.services.changes.writing import EventTemplate, Written, write

_HIGHEST: Final = 10**12
_MOST_LIMITS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSpec:
    """A limit to set, with the name of its target; `burst` None is that of a minute.

    `owner` None leaves the owner as it is, an empty text removes it. Unless `allow_unmatched`, the tool of a new limit
    must be known.
    """

    scope: LimitScope
    target: str | None
    measure: Measure
    value: int
    burst: int | None = None
    owner: str | None = None
    allow_unmatched: bool = False


class Limits:
    """The use cases of administrators for limits, which take effect from the next call."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        targets: ScopeTargets,
        counters: LimitCounters,
        clock: Clock,
    ) -> None:
        self._store = store
        self._changes = changes
        self._targets = targets
        self._counters = counters
        self._clock = clock

    async def put(self, requester: Requester, name: str, spec: LimitSpec) -> Written[Limit]:
        """Create a limit, or change the one of this name, whose counters stay as they are.

        Raises NotFoundError for an unknown target, InvalidInputError for a value that cannot be, and ConflictError if
        there are too many.
        """
        _check(name, spec)
        async with self._changes.open(requester) as change:
            before = await change.work.limits.by_name(name)
            limit = await self._limit(change.work, requester, before, name, spec)
            if before is None:
                await _check_room(change.work)
            is_about_same = before is not None and (before.scope, before.target) == (
                limit.scope,
                limit.target,
            )
            warnings = (
                ()
                if is_about_same
                else await self._targets.unmatched(
                    change.work, _switch_scope(limit.scope), limit.target, allow=spec.allow_unmatched
                )
            )
            change.warnings += warnings
            written = await write(change, change.work.limits, before, limit, _EVENTS)
        return replace(written, warnings=warnings)

    async def remove(self, requester: Requester, name: str) -> None:
        """Remove a limit, with effect from the next call."""
        async with self._changes.open(requester) as change:
            limit = await find_limit(change.work, name)
            await change.work.limits.remove(limit.limit_id)
            change.record(AuditAction.LIMIT_REMOVE, limit_resource(limit), before=_details(limit))

    async def get(self, name: str) -> Limit:
        """Return the limit of this name. Raises NotFoundError."""
        async with self._store.read() as work:
            return await find_limit(work, name)

    async def page(self, listing: Listing) -> Slice[Limit]:
        """Return one page of the limits."""
        async with self._store.read() as work:
            return await work.limits.page(listing)

    async def fullest(self, most: int) -> Sequence[LimitUse]:
        """Return the fullest counters of this server, the fullest first."""
        async with self._store.read() as work:
            limits = {each.limit_id: each for each in await work.limits.all()}
        return await self._counters.fullest(limits, most)

    async def _limit(
        self, work: UnitOfWork, requester: Requester, before: Limit | None, name: str, spec: LimitSpec
    ) -> Limit:
        now = self._clock.now()
        is_rate = spec.measure is Measure.CALLS_PER_MINUTE
        return Limit(
            limit_id=str(uuid.uuid4()) if before is None else before.limit_id,
            name=name,
            scope=spec.scope,
            target=await self._targets.target_id(work, _switch_scope(spec.scope), spec.target),
            target_name=spec.target,
            measure=spec.measure,
            value=spec.value,
            burst=(spec.burst or spec.value) if is_rate else None,
            owner=(None if before is None else before.owner)
            if spec.owner is None
            else check_owner(spec.owner),
            created_at=now if before is None else before.created_at,
            created_by=requester.actor.name or requester.actor.kind if before is None else before.created_by,
            updated_at=now,
        )


def _check(name: str, spec: LimitSpec) -> None:
    check_name("limit", name)
    if not 1 <= spec.value <= _HIGHEST:
        raise InvalidInputError(
            f"value: must be from 1 to {_HIGHEST:,}; to stop all calls, activate a kill switch or deny them by a grant"
        )
    if spec.burst is None:
        return
    if spec.measure is not Measure.CALLS_PER_MINUTE:
        raise InvalidInputError(f"burst: only the measure {Measure.CALLS_PER_MINUTE.value} has one")
    if not 1 <= spec.burst <= _HIGHEST:
        raise InvalidInputError(f"burst: must be from 1 to {_HIGHEST:,}")


async def _check_room(work: UnitOfWork) -> None:
    if len(await work.limits.names()) >= _MOST_LIMITS:
        raise ConflictError(f"There are {_MOST_LIMITS:,} limits already, which is the maximum")


def _switch_scope(scope: LimitScope) -> SwitchScope:
    """Return the same scope as a kill switch has it, because the targets of both are found in the same way."""
    return SwitchScope(scope.value)


def _details(limit: Limit) -> dict[str, Any]:
    return {
        "scope": limit.scope,
        "target": limit.target,
        "measure": limit.measure,
        "value": limit.value,
        "burst": limit.burst,
        "owner": limit.owner,
    }


_EVENTS = EventTemplate(
    created=AuditAction.LIMIT_CREATE,
    updated=AuditAction.LIMIT_UPDATE,
    resource=limit_resource,
    details=_details,
)
