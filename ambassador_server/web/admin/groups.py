"""`/v1/admin/groups`: creates, changes, deletes and lists groups, and changes their members."""

from aiohttp import web

from ambassador_protocol.admin.groups import GroupPut, GroupView, NewGroup
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import GROUPS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.groups import Group, GroupStatus
from ambassador_server.domain.shared.revision import revision
from ambassador_server.services.administration.groups import GroupSpec
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import group_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import expected, optional_choice, requester


async def create(request: web.Request, body: NewGroup) -> web.Response:
    """Create a group."""
    spec = GroupSpec(description=body.description)
    group = await request.app[ADMINISTRATION].groups.create(requester(request), body.name, spec)
    return _render(request, group, status=201)


async def put(request: web.Request, body: GroupPut) -> web.Response:
    """Create a group, or change the fields that are in the body."""
    spec, name = group_spec(body), request.match_info["name"]
    groups = request.app[ADMINISTRATION].groups
    written = await groups.put(requester(request), name, spec, expected=expected(request))
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request, body: GroupPut) -> web.Response:
    """Change the fields that are in the body."""
    spec, name = group_spec(body), request.match_info["name"]
    groups = request.app[ADMINISTRATION].groups
    return _render(request, await groups.update(requester(request), name, spec, expected=expected(request)))


async def remove(request: web.Request) -> web.Response:
    """Delete a group."""
    name = request.match_info["name"]
    await request.app[ADMINISTRATION].groups.remove(requester(request), name, expected=expected(request))
    return web.Response(status=204)


async def show(request: web.Request) -> web.Response:
    """Show one group."""
    return _render(request, await request.app[ADMINISTRATION].groups.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List groups, sorted by name by default."""
    administration = request.app[ADMINISTRATION]
    groups = await administration.groups.page(listing(request))
    return json_response(page(request, groups, lambda group: group_view(group, administration.names)))


async def add_member(request: web.Request) -> web.Response:
    """Put a user into a group."""
    group, user = request.match_info["name"], request.match_info["user"]
    return _render(
        request, await request.app[ADMINISTRATION].groups.add_member(requester(request), group, user)
    )


async def remove_member(request: web.Request) -> web.Response:
    """Take a user out of a group."""
    group, user = request.match_info["name"], request.match_info["user"]
    return _render(
        request, await request.app[ADMINISTRATION].groups.remove_member(requester(request), group, user)
    )


def _render(request: web.Request, group: Group, status: int = 200) -> web.Response:
    view = group_view(group, request.app[ADMINISTRATION].names)
    return json_response(view, status=status, revision=revision(group))


def group_spec(body: GroupPut) -> GroupSpec:
    """Convert the body to a GroupSpec."""
    return GroupSpec(
        description=body.description,
        status=optional_choice(GroupStatus, body.status, "status"),
        owner=body.owner,
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one, member = f"{GROUPS}/{{name}}", f"{GROUPS}/{{name}}/members/{{user}}"
    read, write = Right.READ, Right.PROVISION
    return [
        Endpoint(
            method="GET", path=GROUPS, right=read, handler=index, response_type=Page[GroupView], query=LIST
        ),
        Endpoint(
            method="POST",
            path=GROUPS,
            right=write,
            handler=create,
            body_type=NewGroup,
            response_type=GroupView,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=read, handler=show, response_type=GroupView),
        Endpoint(
            method="PUT",
            path=one,
            right=write,
            handler=put,
            body_type=GroupPut,
            response_type=GroupView,
            statuses=(200, 201),
            accepts_if_match=True,
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=write,
            handler=change,
            body_type=GroupPut,
            response_type=GroupView,
            accepts_if_match=True,
        ),
        Endpoint(
            method="DELETE", path=one, right=write, handler=remove, statuses=(204,), accepts_if_match=True
        ),
        Endpoint(method="PUT", path=member, right=write, handler=add_member, response_type=GroupView),
        Endpoint(method="DELETE", path=member, right=write, handler=remove_member, response_type=GroupView),
    ]
