"""`/v1/admin/keys`: parse, call the service, render."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol.admin.keys import IssuedKey, KeyChange, KeyPut, KeyRotation, KeyView, NewKey
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import KEYS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.services.administration.client_keys import KeySpec
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.users import of_user
from ambassador_server.web.admin.views import key_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choice, duration, requester


async def issue(request: web.Request, body: NewKey) -> web.Response:
    """Issue a client key; its secret is in this answer and nowhere else."""
    spec = KeySpec(
        user=body.user, name=body.name, lifetime=duration(body.expires_in_seconds), owner=body.owner
    )
    key, secret = await request.app[ADMINISTRATION].client_keys.issue(requester(request), spec)
    return _render(request, key, secret, status=201)


async def ensure(request: web.Request, body: KeyPut) -> web.Response:
    """Issue a client key, unless the user has a good one of this name."""
    spec = KeySpec(
        user=request.match_info["user"],
        name=request.match_info["name"],
        lifetime=duration(body.expires_in_seconds),
        owner=body.owner,
    )
    ensured = await request.app[ADMINISTRATION].client_keys.ensure(requester(request), spec)
    return _render(
        request, ensured.written.item, ensured.secret, status=200 if ensured.secret is None else 201
    )


async def change(request: web.Request, body: KeyChange) -> web.Response:
    """Suspend a client key, or activate it again."""
    administration = request.app[ADMINISTRATION]
    status = choice(KeyStatus, body.status, "status")
    key = await administration.client_keys.set_status(requester(request), request.match_info["id"], status)
    return json_response(key_view(key, administration.names))


async def rotate(request: web.Request, body: KeyRotation) -> web.Response:
    """Issue a key in place of another one."""
    administration = request.app[ADMINISTRATION]
    key, secret = await administration.client_keys.rotate(
        requester(request),
        request.match_info["id"],
        overlap=duration(body.overlap_seconds, "overlap_seconds") or timedelta(),
    )
    return _render(request, key, secret, status=201)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a client key."""
    administration = request.app[ADMINISTRATION]
    key = await administration.client_keys.revoke(requester(request), request.match_info["id"])
    return json_response(key_view(key, administration.names))


async def index(request: web.Request) -> web.Response:
    """List client keys, of one user when `user` is given, oldest first unless the query says otherwise."""
    administration = request.app[ADMINISTRATION]
    keys = await administration.client_keys.page(listing(request, also=await of_user(request)))
    return json_response(page(request, keys, lambda key: key_view(key, administration.names)))


def _render(request: web.Request, key: ClientKey, secret: str | None, status: int) -> web.Response:
    view = key_view(key, request.app[ADMINISTRATION].names)
    return json_response(IssuedKey(key=view, preshared_key=secret), status=status)


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    one, write = f"{KEYS}/{{id}}", Right.PROVISION
    of_one = Parameter(name="user", says="The user whose keys are listed.")
    return [
        Endpoint(
            method="GET",
            path=KEYS,
            right=Right.READ,
            handler=index,
            gives=Page[KeyView],
            query=(*LIST, of_one),
        ),
        Endpoint(
            method="POST",
            path=KEYS,
            right=write,
            handler=issue,
            takes=NewKey,
            gives=IssuedKey,
            statuses=(201,),
        ),
        Endpoint(
            method="PUT",
            path=f"{KEYS}/{{user}}/{{name}}",
            right=write,
            handler=ensure,
            takes=KeyPut,
            gives=IssuedKey,
            statuses=(200, 201),
        ),
        Endpoint(method="PATCH", path=one, right=write, handler=change, takes=KeyChange, gives=KeyView),
        Endpoint(
            method="POST",
            path=f"{one}/rotate",
            right=write,
            handler=rotate,
            takes=KeyRotation,
            gives=IssuedKey,
            statuses=(201,),
        ),
        Endpoint(method="POST", path=f"{one}/revoke", right=write, handler=revoke, gives=KeyView),
    ]
