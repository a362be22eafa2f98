"""`/v1/admin/admin-keys`: issues, revokes and lists admin keys."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.admin_keys import AdminKeyView, IssuedAdminKey, NewAdminKey
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import ADMIN_KEYS
from ambassador_server.domain.people.administrators import AdminKey, Right, Role
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import admin_key_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choices, duration, requester


async def issue(request: web.Request, body: NewAdminKey) -> web.Response:
    """Issue an admin key; only this response contains its secret.

    The issuer needs every right that the roles of the key give.
    """
    key, secret = await request.app[ADMINISTRATION].admin_keys.issue(
        requester(request),
        name=body.name,
        roles=choices(Role, body.roles, "roles"),
        lifetime=duration(body.expires_in_seconds),
        issuer=body.issuer,
    )
    return json_response(IssuedAdminKey(key=_view(request, key), admin_key=secret), status=201)


async def revoke(request: web.Request) -> web.Response:
    """Revoke an admin key, or end a login."""
    key = await request.app[ADMINISTRATION].admin_keys.revoke(requester(request), request.match_info["name"])
    return json_response(_view(request, key))


async def index(request: web.Request) -> web.Response:
    """List admin keys and logins, sorted by name by default."""
    keys = await request.app[ADMINISTRATION].admin_keys.page(listing(request))
    return json_response(page(request, keys, lambda key: _view(request, key)))


def _view(request: web.Request, key: AdminKey) -> AdminKeyView:
    return admin_key_view(key, request.app[ADMINISTRATION].names, datetime.now(UTC))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    manage = Right.MANAGE
    return [
        Endpoint(
            method="GET",
            path=ADMIN_KEYS,
            right=manage,
            handler=index,
            response_type=Page[AdminKeyView],
            query=LIST,
        ),
        Endpoint(
            method="POST",
            path=ADMIN_KEYS,
            right=manage,
            handler=issue,
            body_type=NewAdminKey,
            response_type=IssuedAdminKey,
            statuses=(201,),
        ),
        Endpoint(
            method="POST",
            path=f"{ADMIN_KEYS}/{{name}}/revoke",
            right=manage,
            handler=revoke,
            response_type=AdminKeyView,
        ),
    ]
