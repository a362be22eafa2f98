"""Grants: adding, updating, removing and listing."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import grant_resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.grants import CapabilityPatterns, Delivery, Effect, Grant
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_owner
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.argument_rules import ArgumentRules
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.grant_approvals import ApprovalSpec, approval_rule
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_group, find_mcp
from ambassador_server.services.changes.writing import EventTemplate, Written, write


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantSpec:
    """A grant to add or update, with names of group and MCP.

    It expires after `lifetime`, else at `expires_at`, else never. `owner` None leaves the owner as it is, an empty
    text removes it. Unless `allow_unmatched`, what a new grant names must match something known. `constraints` None
    leaves the constraints as they are, empty ones are none. `approval` None leaves the demand of an approval as it is.
    """

    group: str
    mcp: str
    named: CapabilityPatterns
    effect: Effect
    delivery: Delivery = Delivery.AUTOMATIC
    lifetime: timedelta | None = None
    expires_at: datetime | None = None
    owner: str | None = None
    allow_unmatched: bool = False
    constraints: Mapping[str, Any] | None = None
    approval: ApprovalSpec | None = None


class Grants:
    """The use cases of administrators for grants."""

    def __init__(
        self, *, store: Store, changes: Changes, patterns: PatternChecks, rules: ArgumentRules, clock: Clock
    ) -> None:
        self._store = store
        self._changes = changes
        self._patterns = patterns
        self._rules = rules
        self._clock = clock

    async def add(self, requester: Requester, spec: GrantSpec) -> Written[Grant]:
        """Add a grant. Raises ConflictError if the group has the same grant with the same expiry already.

        Raises InvalidInputError for patterns that match nothing; see `Findings.warnings`.
        """
        async with self._changes.open(requester) as change:
            grant = await self._new(change.work, requester, spec)
            if grant.has_expired(grant.created_at):
                raise InvalidInputError("expires_at: is over already")
            if any(each.expires_at == grant.expires_at for each in await _same(change.work, grant)):
                raise ConflictError(f"Group {spec.group!r} has this grant for {spec.mcp!r} already")
            return await self._create(change, grant, spec)

    async def put(self, requester: Requester, spec: GrantSpec) -> Written[Grant]:
        """Add a grant, or update one that names the same, with the same effect and delivery.

        Expiry, owner, constraints and the demand of an approval are updated.
        """
        async with self._changes.open(requester) as change:
            grant = await self._new(change.work, requester, spec)
            before = _best_match(await _same(change.work, grant), grant)
            if before is None:
                return await self._create(change, grant, spec)
            owner = before.owner if spec.owner is None else grant.owner
            constraints = before.constraints if spec.constraints is None else grant.constraints
            demands = before if spec.approval is None else grant
            after = replace(
                before,
                expires_at=grant.expires_at,
                owner=owner,
                constraints=constraints,
                approval_seconds=demands.approval_seconds,
                approvers=demands.approvers,
            )
            return await _write(change, before, after, spec)

    async def remove(self, requester: Requester, grant_id: str) -> None:
        """Remove a grant, with effect from the next call."""
        async with self._changes.open(requester) as change:
            grant = await change.work.grants.get(grant_id)
            if grant is None:
                raise NotFoundError(f"No grant {grant_id!r}")
            await remove_grant(change, grant)

    async def page(self, listing: Listing) -> Slice[Grant]:
        """Return one page of the grants."""
        async with self._store.read() as work:
            return await work.grants.page(listing)

    async def _create(self, change: Change, grant: Grant, spec: GrantSpec) -> Written[Grant]:
        mcp = await find_mcp(change.work, spec.mcp)
        findings = await self._patterns.check(change.work, mcp, spec.named)
        warnings = findings.warnings(allow_unmatched=spec.allow_unmatched)
        change.warnings += warnings
        return replace(await _write(change, None, grant, spec), warnings=warnings)

    async def _new(self, work: UnitOfWork, requester: Requester, spec: GrantSpec) -> Grant:
        if spec.effect is Effect.DENY and spec.delivery is not Delivery.AUTOMATIC:
            raise InvalidInputError(
                "A grant that denies holds for every client; only a permit can be opted in to."
            )
        group, mcp = await find_group(work, spec.group), await find_mcp(work, spec.mcp)
        named = spec.named.normalised(mcp.name)
        if not any(map(named.of, CapabilityKind)):
            raise InvalidInputError("A grant takes at least one pattern of a tool, a resource or a prompt.")
        constraints = self._rules.canonical(spec.constraints or {})
        if constraints is not None and (spec.effect is Effect.DENY or not named.tools):
            raise InvalidInputError("Only a permit of tools can have constraints for their arguments.")
        approval = await approval_rule(work, spec.approval, spec.effect)
        now = self._clock.now()
        return Grant(
            grant_id=str(uuid.uuid4()),
            group_id=group.group_id,
            mcp_id=mcp.mcp_id,
            patterns=named.tools,
            resources=named.resources,
            prompts=named.prompts,
            effect=spec.effect,
            expires_at=spec.expires_at if spec.lifetime is None else now + spec.lifetime,
            created_at=now,
            created_by=requester.actor.name or requester.actor.kind,
            delivery=spec.delivery,
            owner=None if spec.owner is None else check_owner(spec.owner),
            constraints=constraints,
            approval_seconds=None if approval is None else approval.valid_seconds,
            approvers=None if approval is None else approval.approvers,
        )


async def remove_grant(change: Change, grant: Grant) -> None:
    """Remove a grant that is stored."""
    mcp = await change.work.mcps.get(grant.mcp_id)
    await change.work.grants.remove(grant.grant_id)
    change.record(
        AuditAction.GRANT_REMOVE,
        grant_resource(grant),
        **await _grantee(change.work, grant),
        mcp=None if mcp is None else mcp.name,
        before=grant_details(grant),
    )


async def add_grant_for_user(change: Change, grant: Grant, *, user: str, mcp: str) -> None:
    """Add the grant that a request for access has asked for."""
    await change.work.grants.add(grant)
    details = {"user": user, "request": grant.request_id, "mcp": mcp, **grant_details(grant)}
    change.record(AuditAction.GRANT_ADD, grant_resource(grant), **details)


async def _grantee(work: UnitOfWork, grant: Grant) -> dict[str, str | None]:
    """Return whom a grant is for, by the names that audit events use."""
    if grant.user_id is None:
        group = await work.groups.get(grant.subject_id)
        return {"group": None if group is None else group.name}
    user = await work.users.get(grant.user_id)
    return {"user": None if user is None else user.name, "request": grant.request_id}


async def _same(work: UnitOfWork, grant: Grant) -> list[Grant]:
    """Return the group's grants for the MCP that name the same, with the same effect and delivery."""
    return [
        each
        for each in await work.grants.of(group_id=grant.subject_id, mcp_id=grant.mcp_id)
        if (each.named, each.effect, each.delivery) == (grant.named, grant.effect, grant.delivery)
    ]


def _best_match(found: Iterable[Grant], wanted: Grant) -> Grant | None:
    """Return a grant with the wanted expiry, or else any."""
    return min(found, key=lambda each: each.expires_at != wanted.expires_at, default=None)


async def _write(change: Change, before: Grant | None, grant: Grant, spec: GrantSpec) -> Written[Grant]:
    named = {} if spec.approval is None else {"approvers": spec.approval.approvers}
    return await write(
        change, change.work.grants, before, grant, _EVENTS, group=spec.group, mcp=spec.mcp, **named
    )


def grant_details(grant: Grant) -> dict[str, Any]:
    """Return what a grant says, by the names that audit events use."""
    return {
        **grant.named.details(),
        "effect": grant.effect,
        "delivery": grant.delivery,
        "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
        "owner": grant.owner,
        **({} if grant.constraints is None else {"constraints": json.loads(grant.constraints)}),
        **({} if grant.approval is None else {"approval": asdict(grant.approval)}),
    }


_EVENTS = EventTemplate(
    created=AuditAction.GRANT_ADD,
    updated=AuditAction.GRANT_UPDATE,
    resource=grant_resource,
    details=grant_details,
)
