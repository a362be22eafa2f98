"""`/v1/enrol`: exchanges a one-time code for a client key."""

from aiohttp import web

from ambassador_protocol.me import EnrolRequest, OwnIssuedKey
from ambassador_protocol.paths import ENROL
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.own_access import own_key_view

_MAX_BYTES = 1024


async def redeem(request: web.Request) -> web.Response:
    """Exchange a code for a client key; only this response contains its secret."""
    # The caller is not authenticated yet, so a larger body is not read.
    body = await read_strict(request, EnrolRequest, limit=_MAX_BYTES)
    redeemed = await request.app[SIGN_IN].codes.redeem(body.code, request[ORIGIN])
    view = own_key_view(redeemed.key)
    return json_response(
        OwnIssuedKey(user=redeemed.user.name, key=view, preshared_key=redeemed.secret), status=201
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.post(ENROL, redeem)]
