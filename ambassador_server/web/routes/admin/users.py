"""`/v1/admin/users`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.users import NewUser, UserChange
from ambassador_protocol.paths import USERS
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.principal import User, UserStatus
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choice, page, requester
from ambassador_server.web.views import user_view


async def create(request: web.Request) -> web.Response:
    """Create a user."""
    body = await read_strict(request, NewUser)
    user = await request.app[SERVICES].users.create(
        requester(request), name=body.name, display_name=body.display_name, email=body.email
    )
    return _render(request, user, status=201)


async def change(request: web.Request) -> web.Response:
    """Change a user's status."""
    status = choice(UserStatus, (await read_strict(request, UserChange)).status, "status")
    name = request.match_info["name"]
    return _render(request, await request.app[SERVICES].users.set_status(requester(request), name, status))


async def show(request: web.Request) -> web.Response:
    """Show one user."""
    return _render(request, await request.app[SERVICES].users.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List users by name."""
    services = request.app[SERVICES]
    users = await services.users.all()
    return json_response(
        page(request, users, lambda user: user.name, lambda user: user_view(user, services.policy.snapshot))
    )


def _render(request: web.Request, user: User, status: int = 200) -> web.Response:
    return json_response(user_view(user, request.app[SERVICES].policy.snapshot), status=status)


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(USERS, administered(Right.READ, index)),
        web.post(USERS, administered(Right.PROVISION, create)),
        web.get(f"{USERS}/{{name}}", administered(Right.READ, show)),
        web.patch(f"{USERS}/{{name}}", administered(Right.PROVISION, change)),
    ]
