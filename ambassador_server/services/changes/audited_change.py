"""One administrative change: one transaction, its audit events, and the new policy in force when it returns."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import MissingRightError
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


@dataclass(slots=True)
class Change:
    """An open change: repositories to write to, and the events it will be recorded with."""

    work: UnitOfWork
    events: list[tuple[AuditAction, Resource, Mapping[str, Any]]] = field(default_factory=list)

    def record(self, action: AuditAction, resource: Resource, **details: Any) -> None:
        """Name what this change does."""
        self.events.append((action, resource, details))


_joined: ContextVar[Change | None] = ContextVar("joined", default=None)


class Changes:
    """Opens changes. The events are written before the commit: a change that cannot be recorded does not happen."""

    def __init__(self, *, store: Store, policy: PolicyKeeper, recorder: Recorder) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder

    @asynccontextmanager
    async def open(self, requester: Requester) -> AsyncIterator[Change]:
        """Commit on leaving and put the new policy into force; roll back on an error.

        Inside `together` a change is a part of the one that is open already.
        """
        joined = _joined.get()
        if joined is not None:
            yield joined
            return
        recorded: list[tuple[AuditAction, Resource, Mapping[str, Any]]] = []
        try:
            async with self._store.write() as work:
                change = Change(work)
                yield change
                for event in change.events:
                    recorded.append(event)
                    await self._record(requester, event, Outcome.SUCCEEDED)
        except MissingRightError as error:
            await self._refused(requester, error.reason)
            raise
        except BaseException:
            # Whatever it was, an administrator who hung up included: the events stand in the log already, so the log
            # must also say that nothing came of them.
            for event in recorded:
                _ = self._record(requester, event, Outcome.FAILED)
            raise
        await self._policy.refresh()

    @asynccontextmanager
    async def together(self, requester: Requester) -> AsyncIterator[None]:
        """Make one change of all that are opened inside: everything happens, or nothing does."""
        async with self.open(requester) as change:
            token = _joined.set(change)
            try:
                yield
            finally:
                _joined.reset(token)

    def _refused(self, requester: Requester, reason: str) -> Awaitable[None]:
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
