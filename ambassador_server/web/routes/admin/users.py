"""`/v1/admin/users`: parse, call the service, render."""

from collections.abc import Sequence

from aiohttp import web

from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut
from ambassador_protocol.paths import USERS
from ambassador_server.domain.administrator import Right, Role
from ambassador_server.domain.principal import AuthSource, User, UserStatus
from ambassador_server.domain.revision import revision
from ambassador_server.services.users import UserFacts
from ambassador_server.services.writing import WriteResult
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choices, expected, optional_choice, requester
from ambassador_server.web.views import user_view


async def create(request: web.Request) -> web.Response:
    """Create a user."""
    body = await read_strict(request, NewUser)
    facts = UserFacts(
        display_name=body.display_name,
        email=body.email,
        roles=optional_roles(body.roles),
        source=optional_choice(AuthSource, body.source, "source"),
    )
    user = await request.app[SERVICES].users.create(requester(request), body.name, facts)
    return _render(request, user, status=201)


async def put(request: web.Request) -> web.Response:
    """Create the user, or change what the body names."""
    facts, name = user_facts(await read_strict(request, UserPut)), request.match_info["name"]
    users = request.app[SERVICES].users
    written = await users.put(requester(request), name, facts, expected=expected(request))
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request) -> web.Response:
    """Change what the body names."""
    facts, name = user_facts(await read_strict(request, UserPut)), request.match_info["name"]
    users = request.app[SERVICES].users
    return _render(request, await users.update(requester(request), name, facts, expected=expected(request)))


async def set_password(request: web.Request) -> web.Response:
    """Give a user a password; it ends the logins there are."""
    body, name = await read_strict(request, NewPassword), request.match_info["name"]
    await request.app[SERVICES].passwords.set(requester(request), name, body.password)
    return web.Response(status=204)


async def show(request: web.Request) -> web.Response:
    """Show one user."""
    return _render(request, await request.app[SERVICES].users.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List users, by name unless the query says otherwise."""
    services = request.app[SERVICES]
    users = await services.users.page(listing(request))
    return json_response(page(request, users, lambda user: user_view(user, services.policy.snapshot)))


def _render(request: web.Request, user: User, status: int = 200) -> web.Response:
    view = user_view(user, request.app[SERVICES].policy.snapshot)
    return json_response(view, status=status, revision=revision(user))


def user_facts(body: UserPut) -> UserFacts:
    """Read what the body says."""
    return UserFacts(
        display_name=body.display_name,
        email=body.email,
        status=optional_choice(UserStatus, body.status, "status"),
        roles=optional_roles(body.roles),
        source=optional_choice(AuthSource, body.source, "source"),
        owner=body.owner,
    )


def optional_roles(roles: Sequence[str] | None) -> list[Role] | None:
    """Return the roles, or None where nothing is said."""
    return None if roles is None else choices(Role, roles, "roles")


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    password = f"{USERS}/{{name}}/password"
    return [
        web.get(USERS, administered(Right.READ, index)),
        web.post(USERS, administered(Right.PROVISION, create)),
        web.get(f"{USERS}/{{name}}", administered(Right.READ, show)),
        web.put(f"{USERS}/{{name}}", administered(Right.PROVISION, put)),
        web.patch(f"{USERS}/{{name}}", administered(Right.PROVISION, change)),
        web.put(password, administered(Right.MANAGE, set_password)),
    ]
