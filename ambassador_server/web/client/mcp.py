"""`/mcp`: passes a POST, a GET or a DELETE to the MCP face."""

from aiohttp import web

from ambassador_protocol.paths import MCP
from ambassador_server.ports.face import Event, FaceReply, FaceRequest
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import read_body
from ambassador_server.web.client.app_keys import FACE, KEEP_ALIVE
from ambassador_server.web.event_answer import EventAnswer, send_events
from ambassador_server.web.middleware.authenticate import authenticated


async def post(request: web.Request) -> web.StreamResponse:
    """Answer one message, with an event stream if messages are sent before the reply."""
    body, app = await read_body(request), request.app
    keep_alive = app[KEEP_ALIVE]
    with EventAnswer(request, keep_alive) as events:
        reply = await app[FACE].handle(_face_request(request, body, events))
        if isinstance(reply, FaceReply):
            if events.has_begun:
                return await events.end(Event(reply.body, reply.event_id))
            return _response(reply)
    return await send_events(request, reply, keep_alive)


async def get(request: web.Request) -> web.StreamResponse:
    """Open the stream of the conversation that the request names, or resume one."""
    keep_alive = request.app[KEEP_ALIVE]
    reply = await request.app[FACE].listen(_face_request(request, b"", EventAnswer(request, keep_alive)))
    return _response(reply) if isinstance(reply, FaceReply) else await send_events(request, reply, keep_alive)


async def delete(request: web.Request) -> web.StreamResponse:
    """End the conversation that the request names."""
    events = EventAnswer(request, request.app[KEEP_ALIVE])
    return _response(request.app[FACE].end(_face_request(request, b"", events)))


async def end_streams(app: web.Application) -> None:
    """End every stream when the server shuts down."""
    app[FACE].close()


def _face_request(request: web.Request, body: bytes, events: EventAnswer) -> FaceRequest:
    return FaceRequest(
        headers=request.headers,
        body=body,
        principal=request[PRINCIPAL],
        origin=request[ORIGIN],
        tell=events.tell,
        ask=events.ask,
        outlive=events.outlive,
    )


def _response(reply: FaceReply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.post(MCP, authenticated(post)),
        web.get(MCP, authenticated(get), allow_head=False),
        web.delete(MCP, authenticated(delete)),
    ]
