"""`/v1/admin/access`: who may call what, and why."""

from aiohttp import web

from ambassador_protocol.admin.access import AccessView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.users import UserView
from ambassador_protocol.paths import ACCESS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.views import access_view, user_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page


async def explain(request: web.Request) -> web.Response:
    """Explain whether `user`, with `key` or the best key there is, may call `tool`."""
    user, tool = request.query["user"], request.query["tool"]
    access = request.app[ADMINISTRATION].access.explain(user, tool, key_name=request.query.get("key"))
    return json_response(access_view(access))


async def who_can(request: web.Request) -> web.Response:
    """List the users who may call `tool`."""
    administration = request.app[ADMINISTRATION]
    users = administration.access.who_can(request.query["tool"], listing(request))
    return json_response(page(request, users, lambda user: user_view(user, administration.names)))


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    tool = Parameter(name="tool", says="The canonical name of the tool.", required=True)
    user = Parameter(name="user", says="Who would call it.", required=True)
    key = Parameter(name="key", says="The name of the key; without it the best key there is.")
    return [
        Endpoint(
            method="GET",
            path=f"{ACCESS}/explain",
            right=Right.READ,
            handler=explain,
            gives=AccessView,
            query=(user, tool, key),
        ),
        Endpoint(
            method="GET",
            path=f"{ACCESS}/who-can",
            right=Right.READ,
            handler=who_can,
            gives=Page[UserView],
            query=(*LIST, tool),
        ),
    ]
