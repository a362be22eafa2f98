"""`/mcp`: passes a POST or a DELETE to the MCP face."""

from aiohttp import web

from ambassador_protocol.paths import MCP
from ambassador_server.ports.face import FaceReply, FaceRequest
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import read_body
from ambassador_server.web.client.app_keys import FACE
from ambassador_server.web.event_answer import EventAnswer
from ambassador_server.web.middleware.authenticate import authenticated


async def post(request: web.Request) -> web.StreamResponse:
    """Answer one message, with an event stream if messages are sent before the reply."""
    body = await read_body(request)
    with EventAnswer(request) as events:
        reply = await request.app[FACE].handle(_face_request(request, body, events))
        if events.has_begun:
            return await events.end(reply.body)
    return _response(reply)


async def delete(request: web.Request) -> web.StreamResponse:
    """End the conversation that the request names."""
    with EventAnswer(request) as events:
        return _response(request.app[FACE].end(_face_request(request, b"", events)))


def _face_request(request: web.Request, body: bytes, events: EventAnswer) -> FaceRequest:
    return FaceRequest(
        headers=request.headers,
        body=body,
        principal=request[PRINCIPAL],
        origin=request[ORIGIN],
        tell=events.tell,
        ask=events.ask,
    )


def _response(reply: FaceReply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.post(MCP, authenticated(post)), web.delete(MCP, authenticated(delete))]
