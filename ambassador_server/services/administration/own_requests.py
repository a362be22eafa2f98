"""Requests in the eyes of a user: those of their own, and those that they decide as a member of a group."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestStatus
from ambassador_server.domain.shared.listing import Condition, Listing, Operator
from ambassador_server.errors import Advice, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.access_requests import AccessRequests
from ambassador_server.services.administration.names import Names
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.changes.approval_requests import ApprovalRequests
from ambassador_server.services.changes.approver_rights import is_approver
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline

_MOST: Final = 100


class OwnRequests:
    """The use cases of users for requests; a request of another user, which they do not decide, does not exist.

    `names` looks up the names that answers contain.
    """

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        requests: ApprovalRequests,
        rights: OwnAccess,
        access: AccessRequests,
        names: Names,
        clock: Clock,
    ) -> None:
        self._store = store
        self._policy = policy
        self._requests = requests
        self._rights = rights
        self._access = access
        self.names = names
        self._clock = clock

    @within_deadline
    async def own(self, principal: Principal) -> list[ApprovalRequest]:
        """Return the user's own requests, newest first."""
        return await self._newest((Condition("user_id", Operator.IS, principal.user_id),))

    @within_deadline
    async def to_decide(self, principal: Principal, origin: Origin) -> list[ApprovalRequest]:
        """Return the pending requests that the user may decide, newest first."""
        await self._rights.requester(principal, origin)
        pending = Condition("status", Operator.IS, RequestStatus.PENDING)
        others = Condition("user_id", Operator.IS_NOT, principal.user_id)
        found: list[ApprovalRequest] = []
        for group_id in self._policy.snapshot.group_ids_of.get(principal.user_id, ()):
            async with self._store.read() as work:
                decides = await is_approver(work, principal.user_id, group_id)
            if decides:
                found += await self._newest(
                    (pending, others, Condition("approvers_id", Operator.IS, group_id))
                )
        return sorted(found, key=lambda each: (each.created_at, each.request_id), reverse=True)[:_MOST]

    @within_deadline
    async def get(self, principal: Principal, request_id: str) -> ApprovalRequest:
        """Return a request of the user, or one that the user decides. Raises NotFoundError."""
        async with self._store.read() as work:
            request = await work.requests.get(request_id)
            if request is None or not await self._may_see(work, principal, request):
                raise _unknown(request_id)
        return request

    @within_deadline
    async def ask(
        self, principal: Principal, origin: Origin, *, name: str, reason: str, lifetime: timedelta
    ) -> ApprovalRequest:
        """Ask for access; see `AccessRequests.ask`."""
        requester = await self._rights.requester(principal, origin)
        return await self._access.ask(
            requester, user_id=principal.user_id, name=name, reason=reason, lifetime=lifetime
        )

    @within_deadline
    async def cancel(self, principal: Principal, origin: Origin, request_id: str) -> ApprovalRequest:
        """Cancel an open request of the user."""
        requester = await self._rights.requester(principal, origin)
        return await self._requests.cancel(requester, request_id, user_id=principal.user_id)

    @within_deadline
    async def decide(
        self,
        principal: Principal,
        origin: Origin,
        request_id: str,
        *,
        approve: bool,
        reason: str | None,
        valid_seconds: int | None = None,
    ) -> ApprovalRequest:
        """Approve or deny a request as a member of the group that decides it. Raises NotFoundError for another one."""
        requester = await self._rights.requester(principal, origin)
        await self.get(principal, request_id)
        return await self._requests.decide(
            requester, request_id, approve=approve, reason=reason, valid_seconds=valid_seconds
        )

    async def _newest(self, conditions: Iterable[Condition]) -> list[ApprovalRequest]:
        listing = Listing(
            conditions=tuple(conditions),
            sort="created_at",
            descending=True,
            limit=_MOST,
            now=self._clock.now(),
        )
        async with self._store.read() as work:
            return list((await work.requests.page(listing)).items)

    async def _may_see(self, work: UnitOfWork, principal: Principal, request: ApprovalRequest) -> bool:
        if request.user_id == principal.user_id:
            return True
        return request.approvers is not None and await is_approver(work, principal.user_id, request.approvers)


def _unknown(request_id: str) -> NotFoundError:
    return NotFoundError(f"No request {request_id[:64]!r}", advice=Advice.LIST_REQUESTS)
