"""`/v1/admin/keys`: parse, call the service, render."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol.admin.keys import IssuedKey, KeyRotation, NewKey
from ambassador_protocol.paths import KEYS
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, of_user, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import duration, requester
from ambassador_server.web.views import key_view


async def issue(request: web.Request) -> web.Response:
    """Issue a client key; its secret is in this answer and nowhere else."""
    body, services = await read_strict(request, NewKey), request.app[SERVICES]
    key, secret = await services.keys.issue(
        requester(request), user_name=body.user, name=body.name, lasts=duration(body.expires_in_seconds)
    )
    issued = IssuedKey(key=key_view(key, services.policy.snapshot), preshared_key=secret)
    return json_response(issued, status=201)


async def rotate(request: web.Request) -> web.Response:
    """Issue a key in place of another one."""
    body, services = await read_strict(request, KeyRotation), request.app[SERVICES]
    key, secret = await services.keys.rotate(
        requester(request),
        request.match_info["id"],
        overlap=duration(body.overlap_seconds, "overlap_seconds") or timedelta(),
    )
    issued = IssuedKey(key=key_view(key, services.policy.snapshot), preshared_key=secret)
    return json_response(issued, status=201)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a client key."""
    services = request.app[SERVICES]
    key = await services.keys.revoke(requester(request), request.match_info["id"])
    return json_response(key_view(key, services.policy.snapshot))


async def index(request: web.Request) -> web.Response:
    """List client keys, of one user when `user` is given, oldest first unless the query says otherwise."""
    services = request.app[SERVICES]
    keys = await services.keys.page(listing(request, "user", also=await of_user(request)))
    return json_response(page(request, keys, lambda key: key_view(key, services.policy.snapshot)))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(KEYS, administered(Right.READ, index)),
        web.post(KEYS, administered(Right.PROVISION, issue)),
        web.post(f"{KEYS}/{{id}}/rotate", administered(Right.PROVISION, rotate)),
        web.post(f"{KEYS}/{{id}}/revoke", administered(Right.PROVISION, revoke)),
    ]
