"""Kill switches: activating, lifting and listing."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_text
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.scope_targets import ScopeTargets, subject_of
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.writing import WriteResult, Written
from ambassador_server.services.credentials.stored_credentials import RevokedBecause, revoke_grants


class Switches:
    """The use cases of operators for kill switches, which take effect from the next call."""

    def __init__(self, *, store: Store, changes: Changes, targets: ScopeTargets, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._targets = targets
        self._clock = clock

    async def activate(
        self,
        requester: Requester,
        *,
        scope: SwitchScope,
        target: str | None,
        reason: str,
        message: str | None,
        lifetime: timedelta | None,
        drill: bool,
        allow_unmatched: bool = False,
    ) -> Written[KillSwitch]:
        """Activate a switch. Raises NotFoundError for an unknown target, ConflictError if it is stopped already.

        Raises InvalidInputError for a tool that its MCP does not have, unless `allow_unmatched`.
        """
        if not reason.strip():
            raise InvalidInputError("A kill switch needs a reason.")
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            target_id = await self._targets.target_id(change.work, scope, target)
            warnings = await self._targets.unmatched(change.work, scope, target_id, allow=allow_unmatched)
            change.warnings += warnings
            switch = KillSwitch(
                switch_id=str(uuid.uuid4()),
                scope=scope,
                target=target_id,
                target_name=target,
                reason=check_text("reason", reason),
                message=None if message is None else check_text("message", message),
                author=requester.actor.name or requester.actor.kind,
                drill=drill,
                created_at=now,
                expires_at=None if lifetime is None else now + lifetime,
                lifted_at=None,
                lifted_by=None,
            )
            if not drill and any(_stops_same(switch, other) for other in await self._active(change.work)):
                raise ConflictError(f"{subject_of(scope, target)} is stopped already")
            await change.work.switches.add(switch)
            change.record(AuditAction.SWITCH_ACTIVATE, _resource(switch), **_details(switch))
            if scope is SwitchScope.USER and not drill:
                ended = await self._end_grants(change, switch)
                change.warnings += ended
                warnings += ended
        return Written(switch, WriteResult.CREATED, warnings)

    async def lift(self, requester: Requester, switch_id: str) -> KillSwitch:
        """Lift a switch."""
        async with self._changes.open(requester) as change:
            switch = await change.work.switches.get(switch_id)
            if switch is None:
                raise NotFoundError(f"No kill switch {switch_id!r}")
            if switch.lifted_at is not None:
                raise ConflictError("This kill switch is lifted already")
            lifted = replace(switch, lifted_at=self._clock.now(), lifted_by=requester.actor.name)
            await change.work.switches.replace(lifted)
            change.record(AuditAction.SWITCH_LIFT, _resource(lifted), before=_details(switch))
        return lifted

    async def get(self, switch_id: str) -> KillSwitch:
        """Return a switch, active or not. Raises NotFoundError."""
        async with self._store.read() as work:
            switch = await work.switches.get(switch_id)
        if switch is None:
            raise NotFoundError(f"No kill switch {switch_id!r}")
        return switch

    async def page(self, listing: Listing, *, include_past: bool) -> Slice[KillSwitch]:
        """Return one page of the switches that are neither lifted nor expired, or of all."""
        now = self._clock.now()
        wanted = replace(listing, now=now, open_at=None if include_past else now)
        async with self._store.read() as work:
            return await work.switches.page(wanted)

    async def _end_grants(self, change: Change, switch: KillSwitch) -> tuple[str, ...]:
        """End the access by OAuth of a user who is stopped, and say so: to lift the switch gives none of it back."""
        credentials = await change.work.credentials.of(user_id=switch.target or "")
        ended = await revoke_grants(change, credentials, RevokedBecause.STOPPED, switch.created_at)
        if not ended:
            return ()
        what = "an MCP" if ended == 1 else f"{ended} MCPs"
        return (
            f"The access by OAuth of {switch.target_name!r} to {what} ends, here and at the provider. "
            "When the switch is lifted, the user has to connect again.",
        )

    async def _active(self, work: UnitOfWork) -> list[KillSwitch]:
        now = self._clock.now()
        return [switch for switch in await work.switches.all() if switch.is_active(now)]


def _stops_same(left: KillSwitch, right: KillSwitch) -> bool:
    return (left.scope, left.target) == (right.scope, right.target)


def _resource(switch: KillSwitch) -> Resource:
    return Resource(kind="switch", id=switch.switch_id, name=subject_of(switch.scope, switch.target_name))


def _details(switch: KillSwitch) -> dict[str, Any]:
    return {
        "scope": switch.scope,
        "target": switch.target,
        "reason": switch.reason,
        "message": switch.message,
        "drill": switch.drill,
        "expires_at": None if switch.expires_at is None else switch.expires_at.isoformat(),
    }
