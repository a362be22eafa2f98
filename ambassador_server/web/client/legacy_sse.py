"""`GET /sse` and `POST /messages`: the HTTP+SSE of 2024-11-05, for hosts that know nothing newer; off by default.

The stream carries every answer, notification and question; messages are posted to the address in its first event. A
message takes the same way as one posted to `/mcp` without a version, so that the legacy era serves it.
"""

import asyncio
import logging
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.mcp import SESSION_HEADER
from ambassador_protocol.paths import LEGACY_MESSAGES, LEGACY_STREAM
from ambassador_server.domain.shared.running_request import RunningRequest
from ambassador_server.errors import AmbassadorError, NotFoundError
from ambassador_server.ports.face import FaceReply, FaceRequest, FirstEvent
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import read_body
from ambassador_server.web.client.app_keys import FACE, SSE_STREAMS
from ambassador_server.web.client.sse_streams import SseStream
from ambassador_server.web.event_answer import EVENT_HEADERS
from ambassador_server.web.listener_bounds import reset
from ambassador_server.web.middleware.authenticate import authenticated, check_authenticated

_KEEP_ALIVE_SECONDS: Final = 15.0
_CHECK_SECONDS: Final = 1.0
"""How long a principal counts as authenticated, while the stream has something to send."""
_JSON: Final = "application/json"

_log = logging.getLogger(__name__)


async def open_stream(request: web.Request) -> web.StreamResponse:
    """Hold a stream until the host closes it; its end is that of its conversation and cancels its calls."""
    streams = request.app[SSE_STREAMS]
    stream = streams.open(request[PRINCIPAL])
    response = web.StreamResponse(headers=EVENT_HEADERS)
    try:
        await response.prepare(request)
        await response.write(_endpoint_event(stream))
        # A host that says nothing more has no conversation by whose end the stream would end.
        async with request.app[FACE].attend(request[PRINCIPAL], stream.drain):
            await _send_events(request, stream, response)
    except (AmbassadorError, ConnectionError):
        pass  # the session ended, or the connection: either way the stream does
    finally:
        streams.close(stream)
        _end_conversation(request, stream)
    if stream.is_cut_off and request.transport is not None:
        reset(request.transport)
    return response


async def post_message(request: web.Request) -> web.Response:
    """Accept one message for a stream; what is refused at once is refused here."""
    stream = request.app[SSE_STREAMS].find(request.query.get("session_id", ""), request[PRINCIPAL])
    if stream is None:
        raise NotFoundError("There is no such stream. It ends with its connection: open a new one.")
    if request.content_type != _JSON:
        raise web.HTTPUnsupportedMediaType(text=f"Content-Type must be {_JSON}")
    body = await read_body(request)
    accepted = asyncio.Event()
    call = stream.start(_serve(request, stream, body, accepted))
    await asyncio.wait({call}, timeout=0)
    refused = call.result() if call.done() and not call.cancelled() else None
    if refused is not None:
        return web.Response(status=refused.status, body=refused.body, content_type=_JSON)
    accepted.set()
    return web.Response(status=202, text="Accepted")


def _endpoint_event(stream: SseStream) -> bytes:
    return f"event: endpoint\ndata: {LEGACY_MESSAGES}?session_id={stream.stream_id}\n\n".encode()


async def _send_events(request: web.Request, stream: SseStream, response: web.StreamResponse) -> None:
    """Send what the stream has until it ends; raises AmbassadorError if the principal is not accepted any more."""
    loop = asyncio.get_running_loop()
    checked_at = loop.time()
    while event := await stream.next_event(_KEEP_ALIVE_SECONDS):
        if loop.time() - checked_at >= _CHECK_SECONDS:
            await check_authenticated(request)
            checked_at = loop.time()
        await response.write(event)


def _face_request(request: web.Request, stream: SseStream, body: bytes) -> FaceRequest:
    headers = CIMultiDict({"Content-Type": _JSON, "Accept": f"{_JSON}, {EVENT_STREAM}"})
    if stream.conversation_id is not None:
        headers[SESSION_HEADER] = stream.conversation_id
    return FaceRequest(
        headers=headers,
        body=body,
        principal=request[PRINCIPAL],
        origin=request[ORIGIN],
        tell=stream.tell,
        ask=lambda event: stream.send(event.message),
        outlive=_do_nothing,
    )


def _do_nothing(_: FirstEvent) -> None:
    """Let a call end with its stream."""


async def _serve(
    request: web.Request, stream: SseStream, body: bytes, accepted: asyncio.Event
) -> FaceReply | None:
    # The request that brought the message may be answered before its call.
    with RunningRequest(request[ORIGIN].request_id):
        return await _answer(request, stream, body, accepted)


async def _answer(
    request: web.Request, stream: SseStream, body: bytes, accepted: asyncio.Event
) -> FaceReply | None:
    """Send the answer to a message on the stream; return a refusal instead while the message is not accepted yet."""
    try:
        reply = await request.app[FACE].handle(_face_request(request, stream, body))
    except Exception:
        _log.exception("a message of a stream failed unexpectedly")
        # The host would wait for its answer.
        stream.end()
        return None
    if not isinstance(reply, FaceReply):
        # Streams beside that of the session are of the modern era alone.
        reply.close()
        return None
    if reply.status >= 400 and not accepted.is_set():
        return reply
    if reply.body:
        stream.send(reply.body)
    if SESSION_HEADER in reply.headers:
        _end_conversation(request, stream)
        stream.conversation_id = reply.headers[SESSION_HEADER]
        stream.attach(_relay_changes(request, stream))
    return None


async def _relay_changes(request: web.Request, stream: SseStream) -> None:
    """Send what a host of streamable HTTP gets on its own stream: changes of lists and of watched resources."""
    events = await request.app[FACE].listen(_face_request(request, stream, b""))
    if isinstance(events, FaceReply):
        return
    try:
        while found := await events.next():
            for event in found:
                if event.message:
                    stream.tell(event)
    finally:
        events.close()
    # The session has ended, or the server stops.
    stream.drain()


def _end_conversation(request: web.Request, stream: SseStream) -> None:
    if stream.conversation_id is not None:
        request.app[FACE].end(_face_request(request, stream, b""))


async def drain_streams(app: web.Application) -> None:
    """Let the running calls be answered when the server shuts down, then end the streams."""
    app[SSE_STREAMS].drain()


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.get(LEGACY_STREAM, authenticated(open_stream), allow_head=False),
        web.post(LEGACY_MESSAGES, authenticated(post_message)),
    ]
