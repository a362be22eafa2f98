"""`/v1/admin/memberships`: lists the members of groups, and the owner of each membership."""

from aiohttp import web

from ambassador_protocol.admin.groups import MembershipView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import MEMBERSHIPS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.services.administration.groups import NamedMembership
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page


async def index(request: web.Request) -> web.Response:
    """List memberships, sorted by group by default."""
    found = await request.app[ADMINISTRATION].groups.memberships(listing(request))
    return json_response(page(request, found, _view))


def _view(membership: NamedMembership) -> MembershipView:
    return MembershipView(group=membership.group, user=membership.user, owner=membership.owner)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [
        Endpoint(
            method="GET",
            path=MEMBERSHIPS,
            right=Right.READ,
            handler=index,
            response_type=Page[MembershipView],
            query=LIST,
        )
    ]
