"""`/v1/admin/users`: creates, changes and lists users, and sets passwords."""

from collections.abc import Sequence

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut, UserView
from ambassador_protocol.paths import USERS
from ambassador_server.domain.people.administrators import Right, Role
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.domain.shared.listing import Condition, Operator
from ambassador_server.domain.shared.revision import revision
from ambassador_server.services.administration.users import UserSpec
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import user_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choices, expected, optional_choice, requester


async def create(request: web.Request, body: NewUser) -> web.Response:
    """Create a user.

    Giving roles also needs the right `manage` and every right that the roles give.
    """
    spec = UserSpec(
        display_name=body.display_name,
        email=body.email,
        roles=optional_roles(body.roles),
        source=optional_choice(AuthSource, body.source, "source"),
        meta_tools=optional_choice(MetaTools, body.meta_tools, "meta_tools"),
    )
    user = await request.app[ADMINISTRATION].users.create(requester(request), body.name, spec)
    return _render(request, user, status=201)


async def put(request: web.Request, body: UserPut) -> web.Response:
    """Create the user, or change the fields that are in the body.

    Giving roles, and changing a user who has roles, also needs the right `manage`.
    """
    spec, name = user_spec(body), request.match_info["name"]
    users = request.app[ADMINISTRATION].users
    written = await users.put(requester(request), name, spec, expected=expected(request))
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request, body: UserPut) -> web.Response:
    """Change the fields that are in the body.

    Giving roles, and changing a user who has roles, also needs the right `manage`.
    """
    spec, name = user_spec(body), request.match_info["name"]
    users = request.app[ADMINISTRATION].users
    return _render(request, await users.update(requester(request), name, spec, expected=expected(request)))


async def set_password(request: web.Request, body: NewPassword) -> web.Response:
    """Set the password of a user; this ends every login of the user."""
    name = request.match_info["name"]
    await request.app[ADMINISTRATION].passwords.set(requester(request), name, body.password)
    return web.Response(status=204)


async def show(request: web.Request) -> web.Response:
    """Show one user."""
    return _render(request, await request.app[ADMINISTRATION].users.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List users, sorted by name by default."""
    administration = request.app[ADMINISTRATION]
    users = await administration.users.page(listing(request))
    return json_response(page(request, users, lambda user: user_view(user, administration.names)))


def _render(request: web.Request, user: User, status: int = 200) -> web.Response:
    view = user_view(user, request.app[ADMINISTRATION].names)
    return json_response(view, status=status, revision=revision(user))


async def user_condition(request: web.Request) -> tuple[Condition, ...]:
    """Return the condition for the parameter `user`, if given. Raises NotFoundError for an unknown user."""
    name = request.query.get("user")
    if name is None:
        return ()
    user = await request.app[ADMINISTRATION].users.get(name)
    return (Condition("user", Operator.IS, user.name),)


def user_spec(body: UserPut) -> UserSpec:
    """Convert the body to a UserSpec."""
    return UserSpec(
        display_name=body.display_name,
        email=body.email,
        status=optional_choice(UserStatus, body.status, "status"),
        roles=optional_roles(body.roles),
        source=optional_choice(AuthSource, body.source, "source"),
        subject=body.subject,
        owner=body.owner,
        meta_tools=optional_choice(MetaTools, body.meta_tools, "meta_tools"),
    )


def optional_roles(roles: Sequence[str] | None) -> list[Role] | None:
    """Return the roles; None stays None."""
    return None if roles is None else choices(Role, roles, "roles")


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one, write = f"{USERS}/{{name}}", Right.PROVISION
    return [
        Endpoint(
            method="GET",
            path=USERS,
            right=Right.READ,
            handler=index,
            response_type=Page[UserView],
            query=LIST,
        ),
        Endpoint(
            method="POST",
            path=USERS,
            right=write,
            handler=create,
            body_type=NewUser,
            response_type=UserView,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, response_type=UserView),
        Endpoint(
            method="PUT",
            path=one,
            right=write,
            handler=put,
            body_type=UserPut,
            response_type=UserView,
            statuses=(200, 201),
            accepts_if_match=True,
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=write,
            handler=change,
            body_type=UserPut,
            response_type=UserView,
            accepts_if_match=True,
        ),
        Endpoint(
            method="PUT",
            path=f"{one}/password",
            right=Right.MANAGE,
            handler=set_password,
            body_type=NewPassword,
            statuses=(204,),
        ),
    ]
