"""`/v1/admin/sessions`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.paths import SESSIONS
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, of_user, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import requester
from ambassador_server.web.views import session_view


async def index(request: web.Request) -> web.Response:
    """List the open sessions, of one user when `user` is given, newest first unless the query says otherwise."""
    services = request.app[SERVICES]
    wanted = listing(request, "user", order="-created_at", also=await of_user(request))
    sessions = await services.session_control.page(wanted)
    return json_response(
        page(request, sessions, lambda session: session_view(session, services.policy.snapshot))
    )


async def revoke(request: web.Request) -> web.Response:
    """End a session."""
    services = request.app[SERVICES]
    session = await services.session_control.revoke(requester(request), request.match_info["id"])
    return json_response(session_view(session, services.policy.snapshot))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(SESSIONS, administered(Right.READ, index)),
        web.post(f"{SESSIONS}/{{id}}/revoke", administered(Right.OPERATE, revoke)),
    ]
