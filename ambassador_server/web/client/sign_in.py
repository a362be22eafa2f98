"""`/v1/sign-in`: exchanges a sign-in with the organisation's account for a client key."""

from aiohttp import web

from ambassador_protocol.me import OwnIssuedKey
from ambassador_protocol.paths import SIGN_IN as PATH
from ambassador_protocol.sign_in import MachineSignIn
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.own_access import own_key_view
from ambassador_server.web.sign_in_views import SIGN_IN_BYTES, login_issuers, presented


async def index(request: web.Request) -> web.Response:
    """Tell where people sign in."""
    return json_response(login_issuers(await request.app[SIGN_IN].organisations.places(request[ORIGIN])))


async def exchange(request: web.Request) -> web.Response:
    """Exchange an ID token for a client key; only this response contains its secret."""
    # The caller is not authenticated yet, so a larger body is not read.
    body = await read_strict(request, MachineSignIn, limit=SIGN_IN_BYTES)
    issued = await request.app[SIGN_IN].machines.open(presented(body, request[ORIGIN]), body.machine)
    view = own_key_view(issued.key)
    return json_response(
        OwnIssuedKey(user=issued.user.name, key=view, preshared_key=issued.secret), status=201
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.get(PATH, index), web.post(PATH, exchange)]
