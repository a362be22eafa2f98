"""Administrative changes: each is one transaction, recorded in the audit, and in force when it returns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.dry_run import DryRunDone
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import MissingRightError
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_EVENTS_AT_ONCE: Final = 200


@dataclass(slots=True)
class Change:
    """An open change: its transaction, the events that will record it, and the warnings for its author."""

    work: UnitOfWork
    events: list[tuple[AuditAction, Resource, Mapping[str, Any]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def record(self, action: AuditAction, resource: Resource, **details: Any) -> None:
        """Add an event to this change."""
        self.events.append((action, resource, details))


_open_change: ContextVar[Change | None] = ContextVar("open_change", default=None)


class Changes:
    """Opens changes. Their events are written before the commit, so a change that cannot be recorded is rolled back."""

    def __init__(self, *, store: Store, policy: PolicyKeeper, recorder: Recorder) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder

    @asynccontextmanager
    async def open(self, requester: Requester) -> AsyncIterator[Change]:
        """Open a change: leaving the block commits and puts the new policy into force, an error rolls back.

        Inside `together` this returns the change that is open already. A dry run ends with DryRunDone in place of the
        commit, so that nothing after the block happens either.
        """
        open_change = _open_change.get()
        if open_change is not None:
            yield open_change
            return
        recorded: list[tuple[AuditAction, Resource, Mapping[str, Any]]] = []
        try:
            async with self.refusals(requester), self._store.write() as work:
                change = Change(work)
                yield change
                if requester.dry_run:
                    raise DryRunDone(
                        ((action, resource) for action, resource, _ in change.events), change.warnings
                    )
                # Many at a time, because the log writes what it gets in one turn of the event loop together.
                for start in range(0, len(change.events), _EVENTS_AT_ONCE):
                    portion = change.events[start : start + _EVENTS_AT_ONCE]
                    recorded += portion
                    await asyncio.gather(
                        *[self._record(requester, each, Outcome.SUCCEEDED) for each in portion]
                    )
        except BaseException:
            # The events are in the log already, so the log must also tell that the change failed: after any error, also
            # if the administrator has hung up.
            for event in recorded:
                _ = self._record(requester, event, Outcome.FAILED)
            raise
        await self._policy.refresh()

    @asynccontextmanager
    async def refusals(self, requester: Requester) -> AsyncIterator[None]:
        """Record that a right was missing if the block says so; a change does that by itself."""
        try:
            yield
        except MissingRightError as error:
            await self._record_refusal(requester, error.reason)
            raise

    @asynccontextmanager
    async def together(self, requester: Requester) -> AsyncIterator[None]:
        """Combine the changes that are opened inside the block into one, which is committed or rolled back."""
        async with self.open(requester) as change:
            token = _open_change.set(change)
            try:
                yield
            finally:
                _open_change.reset(token)

    def _record_refusal(self, requester: Requester, reason: str) -> Awaitable[None]:
        return self._recorder.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=requester.actor,
            resource=Resource(kind="server", id=None, name=None),
            origin=requester.origin,
            reason=reason,
        )

    def _record(
        self, requester: Requester, event: tuple[AuditAction, Resource, Mapping[str, Any]], outcome: Outcome
    ) -> Awaitable[None]:
        action, resource, details = event
        return self._recorder.event(
            action,
            outcome,
            actor=requester.actor,
            resource=resource,
            origin=requester.origin,
            details=details,
        )
