"""Grants: adding and removing what groups may call."""

import uuid
from datetime import timedelta

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.grants import Effect, Grant, normalise_pattern
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.groups import find_group
from ambassador_server.services.mcps import find_mcp

_MAX_PATTERNS = 100


class Grants:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    async def add(
        self,
        requester: Requester,
        *,
        group_name: str,
        mcp_name: str,
        patterns: list[str],
        effect: Effect,
        lasts: timedelta | None,
    ) -> Grant:
        """Add a grant. Raises ConflictError when the group has exactly this one for the MCP already."""
        if not 0 < len(patterns) <= _MAX_PATTERNS:
            raise InvalidInputError(f"A grant takes 1 to {_MAX_PATTERNS} tool patterns.")
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            group, mcp = await find_group(change.work, group_name), await find_mcp(change.work, mcp_name)
            grant = Grant(
                grant_id=str(uuid.uuid4()),
                group_id=group.group_id,
                mcp_id=mcp.mcp_id,
                patterns=tuple(sorted({normalise_pattern(pattern, mcp.name) for pattern in patterns})),
                effect=effect,
                expires_at=None if lasts is None else now + lasts,
                created_at=now,
                created_by=requester.actor.name or requester.actor.kind,
            )
            if any(_same(grant, other) for other in await change.work.grants.all()):
                raise ConflictError(f"Group {group_name!r} has this grant for {mcp_name!r} already")
            await change.work.grants.add(grant)
            change.record(
                AuditAction.GRANT_ADD,
                _grant_resource(grant),
                group=group_name,
                mcp=mcp_name,
                tools=list(grant.patterns),
                effect=effect,
            )
        return grant

    async def remove(self, requester: Requester, grant_id: str) -> None:
        """Remove a grant; it holds from the very next call on."""
        async with self._changes.open(requester) as change:
            grant = await change.work.grants.get(grant_id)
            if grant is None:
                raise NotFoundError(f"No grant {grant_id!r}")
            await change.work.grants.remove(grant_id)
            change.record(AuditAction.GRANT_REMOVE, _grant_resource(grant), tools=list(grant.patterns))

    async def all(self) -> list[Grant]:
        """Return every grant, oldest first."""
        async with self._store.read() as work:
            return await work.grants.all()


def _same(left: Grant, right: Grant) -> bool:
    return (left.group_id, left.mcp_id, left.patterns, left.effect, left.expires_at) == (
        right.group_id,
        right.mcp_id,
        right.patterns,
        right.effect,
        right.expires_at,
    )


def _grant_resource(grant: Grant) -> Resource:
    return Resource(kind="grant", id=grant.grant_id, name=None)
