"""`/v1/admin/approvals`: lists, shows, approves and denies requests that another person decides."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.approvals import RequestDecision, RequestDetail, RequestView
from ambassador_protocol.paths import APPROVALS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.request_views import request_detail, request_view
from ambassador_server.web.requests import requester


async def index(request: web.Request) -> web.Response:
    """List requests without what they ask for, newest first by default."""
    administration = request.app[ADMINISTRATION]
    found = await administration.approvals.page(listing(request, order="-created_at"))
    return json_response(page(request, found, lambda each: request_view(each, administration.names)))


async def show(request: web.Request) -> web.Response:
    """Show a request with what it asks for, in which secrets are masked."""
    administration = request.app[ADMINISTRATION]
    found = await administration.approvals.get(request.match_info["id"])
    return _shown(administration, found)


async def approve(request: web.Request, body: RequestDecision) -> web.Response:
    """Approve a pending request; nobody approves their own."""
    return await _decide(request, body, approve=True)


async def deny(request: web.Request, body: RequestDecision) -> web.Response:
    """Deny a pending request."""
    return await _decide(request, body, approve=False)


async def _decide(request: web.Request, body: RequestDecision, *, approve: bool) -> web.Response:
    administration = request.app[ADMINISTRATION]
    decided = await administration.approvals.decide(
        requester(request),
        request.match_info["id"],
        approve=approve,
        reason=body.reason,
        valid_seconds=body.for_seconds,
    )
    return _shown(administration, decided)


def _shown(administration: AdministrationUseCases, found: ApprovalRequest) -> web.Response:
    target = administration.approvals.target_of(found)
    return json_response(request_detail(found, administration.names, target))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one = f"{APPROVALS}/{{id}}"
    return [
        Endpoint(
            method="GET",
            path=APPROVALS,
            right=Right.APPROVALS_READ,
            handler=index,
            response_type=Page[RequestView],
            query=LIST,
        ),
        Endpoint(
            method="GET",
            path=one,
            right=Right.APPROVALS_READ,
            handler=show,
            response_type=RequestDetail,
        ),
        *(
            Endpoint(
                method="POST",
                path=f"{one}/{handler.__name__}",
                right=Right.APPROVALS_DECIDE,
                handler=handler,
                body_type=RequestDecision,
                response_type=RequestDetail,
            )
            for handler in (approve, deny)
        ),
    ]
