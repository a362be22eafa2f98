"""`/mcp`: hands the POST to the MCP face."""

from aiohttp import web

from ambassador_protocol.paths import MCP
from ambassador_server.ports.face import FaceRequest
from ambassador_server.web.bodies import read_body
from ambassador_server.web.keys import FACE, ORIGIN, PRINCIPAL
from ambassador_server.web.middleware.authenticate import authenticated


async def post(request: web.Request) -> web.Response:
    """Answer one message."""
    reply = await request.app[FACE].handle(
        FaceRequest(
            headers=request.headers,
            body=await read_body(request),
            principal=request[PRINCIPAL],
            origin=request[ORIGIN],
        )
    )
    return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.post(MCP, authenticated(post))]
