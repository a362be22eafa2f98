"""`/v1/enrol`: a one-time code becomes a client key."""

from aiohttp import web

from ambassador_protocol.me import EnrolRequest, OwnIssuedKey
from ambassador_protocol.paths import ENROL
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.own_access import own_key_view

_MAX_BYTES = 1024


async def redeem(request: web.Request) -> web.Response:
    """Exchange a code; the secret of the key is in this answer and nowhere else."""
    # The caller has proven nothing yet, so no longer body is read.
    body = await read_strict(request, EnrolRequest, limit=_MAX_BYTES)
    redeemed = await request.app[SIGN_IN].codes.redeem(body.code, request[ORIGIN])
    view = own_key_view(redeemed.key)
    return json_response(
        OwnIssuedKey(user=redeemed.user.name, key=view, preshared_key=redeemed.secret), status=201
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.post(ENROL, redeem)]
