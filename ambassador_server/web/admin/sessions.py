"""`/v1/admin/sessions`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.sessions import SessionView
from ambassador_protocol.paths import SESSIONS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.users import of_user
from ambassador_server.web.admin.views import session_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import requester


async def index(request: web.Request) -> web.Response:
    """List the open sessions, of one user when `user` is given, newest first unless the query says otherwise."""
    administration = request.app[ADMINISTRATION]
    wanted = listing(request, order="-created_at", also=await of_user(request))
    sessions = await administration.sessions.page(wanted)
    return json_response(page(request, sessions, lambda session: session_view(session, administration.names)))


async def revoke(request: web.Request) -> web.Response:
    """End a session."""
    administration = request.app[ADMINISTRATION]
    session = await administration.sessions.revoke(requester(request), request.match_info["id"])
    return json_response(session_view(session, administration.names))


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    of_one = Parameter(name="user", says="The user whose sessions are listed.")
    return [
        Endpoint(
            method="GET",
            path=SESSIONS,
            right=Right.READ,
            handler=index,
            gives=Page[SessionView],
            query=(*LIST, of_one),
        ),
        Endpoint(
            method="POST",
            path=f"{SESSIONS}/{{id}}/revoke",
            right=Right.OPERATE,
            handler=revoke,
            gives=SessionView,
        ),
    ]
