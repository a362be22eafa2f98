"""Requests in the eyes of administrators: listing, showing and deciding them."""

from dataclasses import replace

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import Advice, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.administration.access_requests import AccessRequests, AccessTarget
from ambassador_server.services.changes.approval_requests import ApprovalRequests


class ApprovalDecisions:
    """The use cases of administrators for requests that another person decides."""

    def __init__(
        self, *, store: Store, requests: ApprovalRequests, access: AccessRequests, clock: Clock
    ) -> None:
        self._store = store
        self._requests = requests
        self._access = access
        self._clock = clock

    def target_of(self, request: ApprovalRequest) -> AccessTarget | None:
        """Return what a request for access is about now; None for another request."""
        return self._access.target_of(request) if request.kind is RequestKind.ACCESS else None

    def status_of(self, request: ApprovalRequest) -> str:
        """Return the status of a request now."""
        return request.status_at(self._clock.now())

    async def get(self, request_id: str) -> ApprovalRequest:
        """Return one request. Raises NotFoundError."""
        request = await self._requests.get(request_id)
        if request is None:
            raise NotFoundError(f"No request {request_id[:64]!r}", advice=Advice.LIST_REQUESTS)
        return request

    async def page(self, listing: Listing) -> Slice[ApprovalRequest]:
        """Return one page of the requests."""
        async with self._store.read() as work:
            return await work.requests.page(replace(listing, now=self._clock.now()))

    async def decide(
        self,
        requester: Requester,
        request_id: str,
        *,
        approve: bool,
        reason: str | None,
        valid_seconds: int | None = None,
    ) -> ApprovalRequest:
        """Approve or deny a pending request; see `ApprovalRequests.decide`."""
        return await self._requests.decide(
            requester, request_id, approve=approve, reason=reason, valid_seconds=valid_seconds
        )
