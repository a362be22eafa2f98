"""`/v1/me/requests`: a user's own requests, and those that the user decides as a member of a group."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol.approvals import NewAccessRequest, OwnRequests, RequestDecision
from ambassador_protocol.paths import OWN_REQUESTS
from ambassador_server.domain.policy.approval_requests import ApprovalRequest
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import REQUESTS
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.request_views import request_detail
from ambassador_server.web.requests import check_parameters, duration, flag

_MAX_BYTES = 64 << 10
_TO_DECIDE = "to_decide"


async def index(request: web.Request) -> web.Response:
    """List the user's own requests, or, with `to_decide`, those that the user may decide."""
    check_parameters(request, (_TO_DECIDE,))
    requests, principal = request.app[REQUESTS], request[PRINCIPAL]
    if flag(request, _TO_DECIDE, default=False):
        found = await requests.to_decide(principal, request[ORIGIN])
    else:
        found = await requests.own(principal)
    return json_response(OwnRequests(requests=[request_detail(each, requests.names) for each in found]))


async def ask(request: web.Request) -> web.Response:
    """Ask for access to an MCP or a tool, which may not exist."""
    check_parameters(request, ())
    body = await read_strict(request, NewAccessRequest, limit=_MAX_BYTES)
    asked = await request.app[REQUESTS].ask(
        request[PRINCIPAL],
        request[ORIGIN],
        name=body.access,
        reason=body.reason,
        lifetime=duration(body.for_seconds) or timedelta(),
    )
    return _shown(request, asked, status=201)


async def show(request: web.Request) -> web.Response:
    """Show a request of the user, or one that the user decides."""
    check_parameters(request, ())
    found = await request.app[REQUESTS].get(request[PRINCIPAL], request.match_info["id"])
    return _shown(request, found)


async def cancel(request: web.Request) -> web.Response:
    """Cancel a request of the user."""
    check_parameters(request, ())
    cancelled = await request.app[REQUESTS].cancel(
        request[PRINCIPAL], request[ORIGIN], request.match_info["id"]
    )
    return _shown(request, cancelled)


async def approve(request: web.Request) -> web.Response:
    """Approve a request as a member of the group that decides it; nobody approves their own."""
    return await _decide(request, approve=True)


async def deny(request: web.Request) -> web.Response:
    """Deny a request as a member of the group that decides it."""
    return await _decide(request, approve=False)


async def _decide(request: web.Request, *, approve: bool) -> web.Response:
    check_parameters(request, ())
    body = await read_strict(request, RequestDecision, limit=_MAX_BYTES)
    decided = await request.app[REQUESTS].decide(
        request[PRINCIPAL],
        request[ORIGIN],
        request.match_info["id"],
        approve=approve,
        reason=body.reason,
        valid_seconds=body.for_seconds,
    )
    return _shown(request, decided)


def _shown(request: web.Request, found: ApprovalRequest, *, status: int = 200) -> web.Response:
    return json_response(request_detail(found, request.app[REQUESTS].names), status=status)


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    one = f"{OWN_REQUESTS}/{{id}}"
    return [
        web.get(OWN_REQUESTS, authenticated(index)),
        web.post(OWN_REQUESTS, authenticated(ask)),
        web.get(one, authenticated(show)),
        web.post(f"{one}/cancel", authenticated(cancel)),
        web.post(f"{one}/approve", authenticated(approve)),
        web.post(f"{one}/deny", authenticated(deny)),
    ]
