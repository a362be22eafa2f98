"""`/v1/admin/users`: parse, call the service, render."""

from collections.abc import Sequence

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut, UserView
from ambassador_protocol.paths import USERS
from ambassador_server.domain.people.administrators import Right, Role
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.shared.listing import Condition, Operator
from ambassador_server.domain.shared.revision import revision
from ambassador_server.services.administration.users import UserSpec
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.views import user_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choices, expected, optional_choice, requester


async def create(request: web.Request, body: NewUser) -> web.Response:
    """Create a user.

    Roles need the right `manage` besides, and every right that they give.
    """
    spec = UserSpec(
        display_name=body.display_name,
        email=body.email,
        roles=optional_roles(body.roles),
        source=optional_choice(AuthSource, body.source, "source"),
    )
    user = await request.app[ADMINISTRATION].users.create(requester(request), body.name, spec)
    return _render(request, user, status=201)


async def put(request: web.Request, body: UserPut) -> web.Response:
    """Create the user, or change what the body names.

    Roles, and whatever is changed of a user who has some, need the right `manage` besides.
    """
    spec, name = user_spec(body), request.match_info["name"]
    users = request.app[ADMINISTRATION].users
    written = await users.put(requester(request), name, spec, expected=expected(request))
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request, body: UserPut) -> web.Response:
    """Change what the body names.

    Roles, and whatever is changed of a user who has some, need the right `manage` besides.
    """
    spec, name = user_spec(body), request.match_info["name"]
    users = request.app[ADMINISTRATION].users
    return _render(request, await users.update(requester(request), name, spec, expected=expected(request)))


async def set_password(request: web.Request, body: NewPassword) -> web.Response:
    """Give a user a password; it ends the logins there are."""
    name = request.match_info["name"]
    await request.app[ADMINISTRATION].passwords.set(requester(request), name, body.password)
    return web.Response(status=204)


async def show(request: web.Request) -> web.Response:
    """Show one user."""
    return _render(request, await request.app[ADMINISTRATION].users.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List users, by name unless the query says otherwise."""
    administration = request.app[ADMINISTRATION]
    users = await administration.users.page(listing(request))
    return json_response(page(request, users, lambda user: user_view(user, administration.names)))


def _render(request: web.Request, user: User, status: int = 200) -> web.Response:
    view = user_view(user, request.app[ADMINISTRATION].names)
    return json_response(view, status=status, revision=revision(user))


async def of_user(request: web.Request) -> tuple[Condition, ...]:
    """Return the condition that the parameter `user` stands for; NotFoundError for a user who does not exist."""
    name = request.query.get("user")
    if name is None:
        return ()
    user = await request.app[ADMINISTRATION].users.get(name)
    return (Condition("user", Operator.IS, user.name),)


def user_spec(body: UserPut) -> UserSpec:
    """Read what the body says."""
    return UserSpec(
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


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    one, write = f"{USERS}/{{name}}", Right.PROVISION
    return [
        Endpoint(method="GET", path=USERS, right=Right.READ, handler=index, gives=Page[UserView], query=LIST),
        Endpoint(
            method="POST",
            path=USERS,
            right=write,
            handler=create,
            takes=NewUser,
            gives=UserView,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, gives=UserView),
        Endpoint(
            method="PUT",
            path=one,
            right=write,
            handler=put,
            takes=UserPut,
            gives=UserView,
            statuses=(200, 201),
            is_conditional=True,
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=write,
            handler=change,
            takes=UserPut,
            gives=UserView,
            is_conditional=True,
        ),
        Endpoint(
            method="PUT",
            path=f"{one}/password",
            right=Right.MANAGE,
            handler=set_password,
            takes=NewPassword,
            statuses=(204,),
        ),
    ]
