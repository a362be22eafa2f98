"""`/v1/admin/sessions`: lists and ends sessions."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.sessions import SessionView
from ambassador_protocol.paths import SESSIONS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import session_view
from ambassador_server.web.admin.users import user_condition
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import requester


async def index(request: web.Request) -> web.Response:
    """List open sessions, only those of `user` if given, newest first by default."""
    administration = request.app[ADMINISTRATION]
    wanted = listing(request, order="-created_at", also=await user_condition(request))
    sessions = await administration.sessions.page(wanted)
    return json_response(page(request, sessions, lambda session: session_view(session, administration.names)))


async def revoke(request: web.Request) -> web.Response:
    """End a session."""
    administration = request.app[ADMINISTRATION]
    session = await administration.sessions.revoke(requester(request), request.match_info["id"])
    return json_response(session_view(session, administration.names))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    user_parameter = Parameter(name="user", description="The user whose sessions are listed.")
    return [
        Endpoint(
            method="GET",
            path=SESSIONS,
            right=Right.READ,
            handler=index,
            response_type=Page[SessionView],
            query=(*LIST, user_parameter),
        ),
        Endpoint(
            method="POST",
            path=f"{SESSIONS}/{{id}}/revoke",
            right=Right.OPERATE,
            handler=revoke,
            response_type=SessionView,
        ),
    ]
