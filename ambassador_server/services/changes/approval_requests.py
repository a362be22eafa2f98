"""Requests that another person decides: asking, deciding, cancelling, using, and what time ends.

Each change is one transaction with its event. An approval is used by one statement that finds it approved, so that of
several calls, on one server or on several, one gets it.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import request_resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.approval_requests import (
    OPEN,
    ApprovalRequest,
    RequestKind,
    RequestStatus,
    waits_until,
)
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.errors import Advice, ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes.approver_rights import check_may_decide
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import refuse_inactive

MOST_PENDING_OF_USER: Final = 20
MOST_PENDING: Final = 10_000
MOST_CANCELLED: Final = 100
"""How many requests of a day a user may have cancelled, because each is stored for a month."""
LONGEST_REASON: Final = 500
_SAME_CALL: Final = 50
"""How many requests for the same are looked at; one that is open or was just denied is among the newest."""
_DENIAL_HOLDS: Final = timedelta(minutes=10)
_STORED: Final = timedelta(days=30)
_EXPIRED_AT_ONCE: Final = 100

Effect = Callable[[Change, Requester, ApprovalRequest], Awaitable[ApprovalRequest]]
"""Carries out what was approved, within the change of the approval, and returns the request as it is after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a user asks for; see `ApprovalRequest`."""

    kind: RequestKind
    user_id: str
    mcp_id: str | None
    rule: ApprovalRule
    content: Mapping[str, Any]
    digest: str
    basis: str
    key_id: str | None = None
    capability_kind: CapabilityKind | None = None
    capability: str | None = None
    grant_id: str | None = None
    reason: str | None = None
    waits: timedelta | None = None
    """How long it waits for its decision; by default as long as `waits_until` says."""

    def is_met_by(self, request: ApprovalRequest) -> bool:
        """Tell whether a request is about the same, for the same reasons, and of the same client."""
        wanted = (self.kind, self.user_id, self.mcp_id, self.key_id, self.digest, self.basis)
        return wanted == (
            request.kind,
            request.user_id,
            request.mcp_id,
            request.key_id,
            request.digest,
            request.basis,
        )


class TooManyRequestsError(ConflictError):
    """Too many requests wait for a decision."""


class ApprovalRequests:
    """The requests of users and their decisions; `on_approval` has what approvals of a kind do."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self.on_approval: dict[RequestKind, Effect] = {}
        self.on_move: list[Callable[[str], None]] = []
        """Called with the id of a request after its status has changed on this server."""

    async def find(self, wanted: Wanted) -> ApprovalRequest | None:
        """Return an open request for the same, an approved one first; or one that was denied just now."""
        async with self._store.read() as work:
            return await self._same(work, wanted)

    async def get(self, request_id: str) -> ApprovalRequest | None:
        """Return a request."""
        async with self._store.read() as work:
            return await work.requests.get(request_id)

    async def ask(self, requester: Requester, wanted: Wanted) -> ApprovalRequest:
        """Return the request for this, a new one if there is none; see `find`. Raises TooManyRequestsError."""
        async with self._changes.open(requester) as change:
            found = await self._same(change.work, wanted)
            if found is not None:
                return found
            await refuse_inactive(change.work, wanted.user_id)
            await self._check_room(change.work, wanted.user_id)
            now = self._clock.now()
            request = ApprovalRequest(
                request_id=secrets.token_hex(6),
                kind=wanted.kind,
                user_id=wanted.user_id,
                mcp_id=wanted.mcp_id,
                content=wanted.content,
                valid_seconds=wanted.rule.valid_seconds,
                created_at=now,
                expires_at=waits_until(now, wanted.rule.valid_seconds)
                if wanted.waits is None
                else now + wanted.waits,
                key_id=wanted.key_id,
                capability_kind=wanted.capability_kind,
                capability=wanted.capability,
                digest=wanted.digest,
                basis=wanted.basis,
                approvers=wanted.rule.approvers,
                grant_id=wanted.grant_id,
                reason=wanted.reason,
            )
            await change.work.requests.add(request)
            access = request.kind is RequestKind.ACCESS
            said = {"reason": request.reason, "valid_seconds": request.valid_seconds} if access else {}
            await self._record(change, AuditAction.REQUEST_ASK, request, **said)
        self._moved(request)
        return request

    async def decide(
        self,
        requester: Requester,
        request_id: str,
        *,
        approve: bool,
        reason: str | None,
        valid_seconds: int | None = None,
    ) -> ApprovalRequest:
        """Approve or deny a pending request; `valid_seconds` approves it for a shorter time than was asked for.

        Raises NotFoundError, ConflictError for one that is decided or over, and MissingRightError for an administrator
        or a user who may not decide it, which includes who asked.
        """
        action = AuditAction.REQUEST_APPROVE if approve else AuditAction.REQUEST_DENY
        async with self._changes.open(requester) as change:
            request = await self._find(change.work, request_id)
            await check_may_decide(change.work, requester, request)
            now = self._clock.now()
            self._check_status(request, RequestStatus.PENDING)
            shortened = request if valid_seconds is None else _shortened(request, valid_seconds)
            decided = shortened.approved if approve else request.denied
            after = decided(by=requester.actor.name or requester.actor.kind, at=now, reason=_cut(reason))
            await self._move(change, request, after)
            effect = self.on_approval.get(request.kind)
            if approve and effect is not None:
                after = await effect(change, requester, after)
                await change.work.requests.replace(after)
            await self._record(change, action, after)
        self._moved(after)
        return after

    async def cancel(self, requester: Requester, request_id: str, *, user_id: str) -> ApprovalRequest:
        """Cancel an open request of this user. Raises NotFoundError, and ConflictError for one that is over."""
        async with self._changes.open(requester) as change:
            request = await self._find(change.work, request_id)
            if request.user_id != user_id:
                raise _unknown(request_id)
            self._check_status(request, *OPEN)
            after = request.ended(RequestStatus.CANCELLED)
            await self._move(change, request, after)
            await self._record(change, AuditAction.REQUEST_CANCEL, after)
        self._moved(after)
        return after

    async def use(self, requester: Requester, approved: ApprovalRequest) -> ApprovalRequest | None:
        """Use an approval, which serves once; returns None if it was used, has expired or was cancelled meanwhile."""
        now = self._clock.now()
        after = approved.used(now)
        async with self._changes.open(requester) as change:
            if not await change.work.requests.move(approved, after, now=now):
                return None
            await self._record(change, AuditAction.REQUEST_USE, after)
        self._moved(after)
        return after

    async def use_again(self, requester: Requester, used: ApprovalRequest) -> ApprovalRequest | None:
        """Go on with a call that has used its approval, by one round; returns None if this round was taken already."""
        after = replace(used, rounds=used.rounds + 1)
        async with self._changes.open(requester) as change:
            if not await change.work.requests.move(used, after, now=self._clock.now()):
                return None
            await self._record(change, AuditAction.REQUEST_USE, after, round=after.rounds)
        return after

    async def expire(self) -> None:
        """Record the requests whose time is over, and delete those that are older than 30 days."""
        now = self._clock.now()
        async with self._store.read() as work:
            over = await work.requests.over(now, limit=_EXPIRED_AT_ONCE)
        if over:
            async with self._changes.open(Requester(None, None)) as change:
                for request in over:
                    after = request.ended(RequestStatus.EXPIRED)
                    # Another server may have recorded it, and a decision is refused since the time is over.
                    if await change.work.requests.move(request, after, now=None):
                        await self._record(
                            change, AuditAction.REQUEST_EXPIRE, after, was=request.status.value
                        )
            for request in over:
                self._moved(request)

    async def forget_old(self) -> None:
        """Delete requests that are older than 30 days and over; the audit keeps their records."""
        async with self._store.write() as work:
            await work.requests.forget(self._clock.now() - _STORED)

    async def _same(self, work: UnitOfWork, wanted: Wanted) -> ApprovalRequest | None:
        now = self._clock.now()
        rows = await work.requests.with_digest(user_id=wanted.user_id, digest=wanted.digest, limit=_SAME_CALL)
        same = [each for each in rows if wanted.is_met_by(each)]
        for status in (RequestStatus.APPROVED, RequestStatus.PENDING):
            found = next((each for each in same if each.status_at(now) is status), None)
            if found is not None:
                return found
        return next((each for each in same if _was_denied_since(each, now - _DENIAL_HOLDS)), None)

    async def _check_room(self, work: UnitOfWork, user_id: str) -> None:
        now = self._clock.now()
        if await work.requests.count_pending(now, user_id=user_id) >= MOST_PENDING_OF_USER:
            raise TooManyRequestsError(
                f"{MOST_PENDING_OF_USER} of your requests wait for a decision already",
                advice=Advice.CANCEL_REQUEST,
            )
        if await work.requests.count_cancelled(now - timedelta(days=1), user_id=user_id) >= MOST_CANCELLED:
            raise TooManyRequestsError(
                f"You have cancelled {MOST_CANCELLED} requests in a day already",
                advice=Advice.ASK_ADMINISTRATOR,
            )
        if await work.requests.count_pending(now) >= MOST_PENDING:
            raise TooManyRequestsError(
                f"{MOST_PENDING} requests wait for a decision already", advice=Advice.ASK_ADMINISTRATOR
            )

    async def _find(self, work: UnitOfWork, request_id: str) -> ApprovalRequest:
        request = await work.requests.get(request_id)
        if request is None:
            raise _unknown(request_id)
        return request

    def _check_status(self, request: ApprovalRequest, *wanted: RequestStatus) -> None:
        status = request.status_at(self._clock.now())
        if status not in wanted:
            by = f" by {request.decided_by}" if request.decided_by and status is request.status else ""
            raise ConflictError(f"Request {request.request_id} is {status}{by} already")

    async def _move(self, change: Change, before: ApprovalRequest, after: ApprovalRequest) -> None:
        if not await change.work.requests.move(before, after, now=self._clock.now()):
            raise ConflictError(
                f"Request {before.request_id} has changed meanwhile", advice=Advice.READ_AGAIN
            )

    async def _record(
        self, change: Change, action: AuditAction, request: ApprovalRequest, **details: Any
    ) -> None:
        user = await change.work.users.get(request.user_id)
        mcp = None if request.mcp_id is None else await change.work.mcps.get(request.mcp_id)
        group = None if request.approvers is None else await change.work.groups.get(request.approvers)
        known = {
            "kind": request.kind.value,
            "user": None if user is None else user.name,
            "mcp": None if mcp is None else mcp.name,
            "approvers": None if group is None else group.name,
            "grant": request.grant_id,
            "digest": request.digest if request.kind is RequestKind.CALL else None,
            "expires_at": None if request.expires_at is None else request.expires_at.isoformat(),
            "decided_by": request.decided_by,
            "decision_reason": request.decision_reason,
        }
        said = {name: value for name, value in known.items() if value is not None}
        change.record(action, request_resource(request), **said, **details)

    def _moved(self, request: ApprovalRequest) -> None:
        for notify in self.on_move:
            notify(request.request_id)


def _shortened(request: ApprovalRequest, valid_seconds: int) -> ApprovalRequest:
    if not 0 < valid_seconds <= request.valid_seconds:
        raise InvalidInputError(f"for_seconds: 1 to {request.valid_seconds}, as long as was asked for")
    return replace(request, valid_seconds=valid_seconds)


def _was_denied_since(request: ApprovalRequest, at: datetime) -> bool:
    decided_at = request.decided_at
    return request.status is RequestStatus.DENIED and decided_at is not None and decided_at > at


def _cut(reason: str | None) -> str | None:
    return (reason or "").strip()[:LONGEST_REASON] or None


def _unknown(request_id: str) -> NotFoundError:
    return NotFoundError(f"No request {request_id[:64]!r}", advice=Advice.LIST_REQUESTS)
