"""`/v1/credentials/{mcp}/connect` and `/v1/connections`: users connect to MCPs by OAuth, and disconnect."""

from typing import Final

from aiohttp import web

from ambassador_protocol.credentials import (
    OwnConnect,
    OwnConnectBegun,
    OwnConnectFinish,
    OwnConnection,
    OwnConnectionList,
    OwnConnectPending,
    OwnDisconnected,
)
from ambassador_protocol.paths import CONNECT_PAGE, OWN_CONNECTIONS, OWN_CREDENTIALS
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.credentials.connected_users import OwnConnection as Connected
from ambassador_server.services.credentials.oauth_flow import BegunConnection, Undecided
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import CREDENTIALS, PUBLIC_URL
from ambassador_server.web.client.credentials import view
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.requests import check_parameters
from ambassador_server.web.timestamps import optional_timestamp, timestamp

_MAX_BYTES: Final = 4096


async def list_all(request: web.Request) -> web.Response:
    """List the MCPs that the user connects to by OAuth, with the state of each."""
    check_parameters(request, ())
    found = await request.app[CREDENTIALS].connected.connections(request[PRINCIPAL])
    return json_response(OwnConnectionList(connections=[_view(each) for each in found]))


async def begin(request: web.Request) -> web.Response:
    """Begin to connect to one MCP."""
    check_parameters(request, ())
    body = await read_strict(request, OwnConnect, limit=_MAX_BYTES)
    if body.return_port is not None and not 0 < body.return_port < 65536:
        raise InvalidInputError("return_port: must be the number of a port")
    begun = await request.app[CREDENTIALS].connecting.begin(
        request[PRINCIPAL],
        request[ORIGIN],
        request.match_info["mcp"],
        device=body.device,
        return_port=body.return_port,
    )
    return json_response(_begun(begun, request.app[PUBLIC_URL]), status=201)


async def finish(request: web.Request) -> web.Response:
    """Finish with the completion code; 202 while the person has not decided about a device."""
    check_parameters(request, ())
    body = await read_strict(request, OwnConnectFinish, limit=_MAX_BYTES)
    done = await request.app[CREDENTIALS].connecting.finish(
        request[PRINCIPAL], request[ORIGIN], request.match_info["mcp"], body.ticket, body.code
    )
    if isinstance(done, Undecided):
        return json_response(
            OwnConnectPending(interval=done.interval, expires_at=timestamp(done.expires_at)), status=202
        )
    return json_response(view(done))


async def disconnect(request: web.Request) -> web.Response:
    """End the access to one MCP, here and at its provider."""
    check_parameters(request, ())
    revoked = await request.app[CREDENTIALS].connected.disconnect(
        request[PRINCIPAL], request[ORIGIN], request.match_info["mcp"]
    )
    return json_response(OwnDisconnected(revoked=revoked))


def _begun(begun: BegunConnection, public_url: str) -> OwnConnectBegun:
    device = begun.device
    return OwnConnectBegun(
        ticket=begun.ticket,
        expires_at=timestamp(begun.expires_at),
        url=None if device is not None else f"{public_url}{CONNECT_PAGE}/{begun.ticket}",
        user_code=None if device is None else device.user_code,
        verification_uri=None if device is None else device.verification_uri,
        interval=None if device is None else device.interval,
    )


def _view(connection: Connected) -> OwnConnection:
    own = connection.own
    given = own.given
    return OwnConnection(
        mcp=own.mcp.name,
        status=own.connection_status,
        granted=own.is_granted,
        scopes=[] if given is None else list(given.scopes),
        issuer=None if given is None else given.issuer,
        expires_at=optional_timestamp(connection.expires_at),
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    connect = f"{OWN_CREDENTIALS}/{{mcp}}/connect"
    return [
        web.get(OWN_CONNECTIONS, authenticated(list_all)),
        web.post(connect, authenticated(begin)),
        web.post(f"{connect}/finish", authenticated(finish)),
        web.delete(connect, authenticated(disconnect)),
    ]
