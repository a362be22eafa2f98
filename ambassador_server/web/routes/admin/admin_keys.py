"""`/v1/admin/admin-keys`: parse, call the service, render."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.admin_keys import AdminKeyView, IssuedAdminKey, NewAdminKey
from ambassador_protocol.paths import ADMIN_KEYS
from ambassador_server.domain.administrator import AdminKey, Right, Role
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choices, duration, requester
from ambassador_server.web.views import admin_key_view


async def issue(request: web.Request) -> web.Response:
    """Issue an admin key; its secret is in this answer and nowhere else."""
    body = await read_strict(request, NewAdminKey)
    key, secret = await request.app[SERVICES].admin_keys.issue(
        requester(request),
        name=body.name,
        roles=choices(Role, body.roles, "roles"),
        lasts=duration(body.expires_in_seconds),
    )
    return json_response(IssuedAdminKey(key=_view(request, key), admin_key=secret), status=201)


async def revoke(request: web.Request) -> web.Response:
    """Revoke an admin key, or end a login."""
    key = await request.app[SERVICES].admin_keys.revoke(requester(request), request.match_info["name"])
    return json_response(_view(request, key))


async def index(request: web.Request) -> web.Response:
    """List the admin keys and logins, by name unless the query says otherwise."""
    keys = await request.app[SERVICES].admin_keys.page(listing(request))
    return json_response(page(request, keys, lambda key: _view(request, key)))


def _view(request: web.Request, key: AdminKey) -> AdminKeyView:
    return admin_key_view(key, request.app[SERVICES].policy.snapshot, datetime.now(UTC))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(ADMIN_KEYS, administered(Right.MANAGE, index)),
        web.post(ADMIN_KEYS, administered(Right.MANAGE, issue)),
        web.post(f"{ADMIN_KEYS}/{{name}}/revoke", administered(Right.MANAGE, revoke)),
    ]
