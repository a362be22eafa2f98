"""`/v1/admin/access`: who may call what, and why."""

from aiohttp import web

from ambassador_protocol.paths import ACCESS
from ambassador_server.domain.administrator import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.views import access_view, user_view


async def explain(request: web.Request) -> web.Response:
    """Explain whether `user`, with `key` or the best key there is, may call `tool`."""
    user, tool = _required(request, "user"), _required(request, "tool")
    access = request.app[SERVICES].access.explain(user, tool, key_name=request.query.get("key"))
    return json_response(access_view(access))


async def who_can(request: web.Request) -> web.Response:
    """List the users who may call `tool`."""
    services = request.app[SERVICES]
    users = services.access.who_can(_required(request, "tool"), listing(request, "tool"))
    return json_response(page(request, users, lambda user: user_view(user, services.policy.snapshot)))


def _required(request: web.Request, name: str) -> str:
    value = request.query.get(name)
    if not value:
        raise InvalidInputError(f"{name}: this query parameter is required")
    return value


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(f"{ACCESS}/explain", administered(Right.READ, explain)),
        web.get(f"{ACCESS}/who-can", administered(Right.READ, who_can)),
    ]
