"""`/v1/admin/keys`: issues, changes, revokes and lists client keys."""

from datetime import UTC, datetime, timedelta

from aiohttp import web

from ambassador_protocol.admin.client_keys import IssuedKey, KeyChange, KeyPut, KeyRotation, KeyView, NewKey
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import KEYS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.client_keys import KeySpec
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import key_view
from ambassador_server.web.admin.users import user_condition
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import duration, flag, optional_choice, requester

_ONE, _WRITE = f"{KEYS}/{{id}}", Right.PROVISION
_USER = Parameter(name="user", description="The user whose keys are listed.")
_KEEP = Parameter(
    name="keep_replacements", description="`true` revokes this key alone, not the keys that replaced it."
)


async def issue(request: web.Request, body: NewKey) -> web.Response:
    """Issue a client key; only this response contains its secret."""
    spec = KeySpec(
        user=body.user,
        name=body.name,
        lifetime=duration(body.expires_in_seconds),
        owner=body.owner,
        meta_tools=optional_choice(MetaTools, body.meta_tools, "meta_tools"),
    )
    key, secret = await request.app[ADMINISTRATION].client_keys.issue(requester(request), spec)
    return _render(request, key, secret, status=201)


async def ensure(request: web.Request, body: KeyPut) -> web.Response:
    """Issue a client key, unless the user has a valid one with this name."""
    spec = KeySpec(
        user=request.match_info["user"],
        name=request.match_info["name"],
        lifetime=duration(body.expires_in_seconds),
        owner=body.owner,
        meta_tools=optional_choice(MetaTools, body.meta_tools, "meta_tools"),
    )
    ensured = await request.app[ADMINISTRATION].client_keys.ensure(requester(request), spec)
    return _render(
        request, ensured.written.item, ensured.secret, status=200 if ensured.secret is None else 201
    )


async def change(request: web.Request, body: KeyChange) -> web.Response:
    """Suspend a client key or activate it again, and choose whether its clients get the meta-tools."""
    if body == KeyChange():
        raise InvalidInputError("Nothing to change: give status or meta_tools")
    key = await request.app[ADMINISTRATION].client_keys.update(
        requester(request),
        request.match_info["id"],
        status=optional_choice(KeyStatus, body.status, "status"),
        meta_tools=optional_choice(MetaTools, body.meta_tools, "meta_tools"),
    )
    return json_response(_view(request, key))


async def rotate(request: web.Request, body: KeyRotation) -> web.Response:
    """Replace a key by a new one; the old key stays valid for the overlap."""
    administration = request.app[ADMINISTRATION]
    key, secret = await administration.client_keys.rotate(
        requester(request),
        request.match_info["id"],
        overlap=duration(body.overlap_seconds, "overlap_seconds") or timedelta(),
    )
    return _render(request, key, secret, status=201)


async def revoke(request: web.Request) -> web.Response:
    """Revoke a client key, and the keys that replaced it unless `keep_replacements` is true."""
    administration = request.app[ADMINISTRATION]
    key = await administration.client_keys.revoke(
        requester(request),
        request.match_info["id"],
        keep_replacements=flag(request, "keep_replacements", default=False),
    )
    return json_response(_view(request, key))


async def index(request: web.Request) -> web.Response:
    """List client keys, only those of `user` if given, oldest first by default."""
    wanted = listing(request, also=await user_condition(request))
    keys = await request.app[ADMINISTRATION].client_keys.page(wanted)
    return json_response(page(request, keys, lambda key: _view(request, key)))


def _render(request: web.Request, key: ClientKey, secret: str | None, status: int) -> web.Response:
    return json_response(IssuedKey(key=_view(request, key), preshared_key=secret), status=status)


def _view(request: web.Request, key: ClientKey) -> KeyView:
    return key_view(key, request.app[ADMINISTRATION].names, datetime.now(UTC))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [_list_endpoint(), *_change_endpoints()]


def _list_endpoint() -> Endpoint:
    return Endpoint(
        method="GET",
        path=KEYS,
        right=Right.READ,
        handler=index,
        response_type=Page[KeyView],
        query=(*LIST, _USER),
    )


def _change_endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            method="POST",
            path=KEYS,
            right=_WRITE,
            handler=issue,
            body_type=NewKey,
            response_type=IssuedKey,
            statuses=(201,),
        ),
        Endpoint(
            method="PUT",
            path=f"{KEYS}/{{user}}/{{name}}",
            right=_WRITE,
            handler=ensure,
            body_type=KeyPut,
            response_type=IssuedKey,
            statuses=(200, 201),
        ),
        Endpoint(
            method="PATCH",
            path=_ONE,
            right=_WRITE,
            handler=change,
            body_type=KeyChange,
            response_type=KeyView,
        ),
        Endpoint(
            method="POST",
            path=f"{_ONE}/rotate",
            right=_WRITE,
            handler=rotate,
            body_type=KeyRotation,
            response_type=IssuedKey,
            statuses=(201,),
        ),
        Endpoint(
            method="POST",
            path=f"{_ONE}/revoke",
            right=_WRITE,
            handler=revoke,
            response_type=KeyView,
            query=(_KEEP,),
        ),
    ]
