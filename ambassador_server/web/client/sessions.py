"""`/v1/sessions`: register, heartbeat and disconnect, as in the original protocol."""

from aiohttp import web

from ambassador_protocol.paths import CONNECTIONS, HEARTBEAT, REGISTER
from ambassador_protocol.sessions import (
    HOST_TOOLS,
    DisconnectResponse,
    HeartbeatResponse,
    RegisterRequest,
    RegisterResponse,
)
from ambassador_server.domain.shared.names import check_text
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import json_response, read_tolerant
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.timestamps import timestamp

_MAX_REGISTER_BYTES = 4096


async def register(request: web.Request) -> web.Response:
    """Open a session for a client process."""
    # The caller is not authenticated yet, so a larger body is not read.
    body = await read_tolerant(request, RegisterRequest, limit=_MAX_REGISTER_BYTES)
    if not (body.preshared_key and body.friendly_name and body.host_tool):
        raise InvalidInputError("Missing required fields")
    if body.host_tool not in HOST_TOOLS:
        raise InvalidInputError("Invalid host_tool value")
    session, token = await request.app[SIGN_IN].sessions.open(
        body.preshared_key,
        friendly_name=check_text("friendly_name", body.friendly_name),
        host_tool=body.host_tool,
        origin=request[ORIGIN],
    )
    return json_response(
        RegisterResponse(
            session_id=session.session_id,
            session_token=token,
            expires_at=timestamp(session.expires_at),
            profile_id=session.key_id,
            connection_id=session.connection_id,
        ),
        status=201,
    )


async def heartbeat(request: web.Request) -> web.Response:
    """Extend the session; the body is ignored."""
    session = await request.app[SIGN_IN].sessions.heartbeat(request[PRINCIPAL], request[ORIGIN])
    return json_response(
        HeartbeatResponse(status="ok", session_status="active", expires_at=timestamp(session.expires_at))
    )


async def disconnect(request: web.Request) -> web.Response:
    """End the session of this connection; the original client sends a JSON content type without a body."""
    connection_id = request.match_info["connection_id"]
    await request.app[SIGN_IN].sessions.close(request[PRINCIPAL], connection_id, request[ORIGIN])
    return json_response(DisconnectResponse(status="disconnected", connection_id=connection_id))


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.post(REGISTER, register),
        web.post(HEARTBEAT, authenticated(heartbeat)),
        web.delete(f"{CONNECTIONS}/{{connection_id}}", authenticated(disconnect)),
    ]
