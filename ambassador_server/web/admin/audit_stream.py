"""`/v1/admin/audit/stream`: sends new audit events as Server-Sent Events.

The `id` of each event is its cursor. A client that lost the connection sends it as `Last-Event-ID` to continue there.
An `id` without data is a heartbeat with the current cursor. `event: gap` means that records may be missing.
"""

from contextlib import aclosing

import msgspec
from aiohttp import hdrs, web

from ambassador_protocol.event_stream import EVENT_STREAM, LAST_EVENT_ID
from ambassador_protocol.paths import AUDIT_STREAM
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import AmbassadorError, InvalidInputError
from ambassador_server.services.audit.feed import FeedUpdate
from ambassador_server.web.admin.app_keys import AUDIT
from ambassador_server.web.admin.audit import QUERY, event_view, wanted_events
from ambassador_server.web.endpoints import Endpoint, Parameter
from ambassador_server.web.event_answer import EVENT_HEADERS
from ambassador_server.web.middleware.authenticate import check_administered
from ambassador_server.web.requests import number


async def stream(request: web.Request) -> web.StreamResponse:
    """Send the events after a cursor, or new ones, until the client disconnects or loses the right."""
    wanted, cursor = wanted_events(request), _cursor(request)
    response = web.StreamResponse(headers=EVENT_HEADERS)
    async with aclosing(request.app[AUDIT].feed.follow(wanted, cursor)) as feed:
        first = await anext(feed)
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return response
        await response.write(_text(first))
        try:
            async for update in feed:
                await check_administered(request, Right.AUDIT_READ)
                await response.write(_text(update))
        except (AmbassadorError, ConnectionError):
            # The response has begun, so the stream can only end; the next request of the client gets the error.
            return response
    return response


async def end_streams(app: web.Application) -> None:
    """End every stream when the server shuts down."""
    app[AUDIT].feed.close()


def _cursor(request: web.Request) -> int | None:
    last = request.headers.get(LAST_EVENT_ID)
    if last is None:
        return number(request, "after", 0) if "after" in request.query else None
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise InvalidInputError(f"{LAST_EVENT_ID}: no stream has sent this one; repeat without it")
    return int(last)


def _text(update: FeedUpdate) -> bytes:
    parts = [b"event: gap\ndata: {}\n\n"] if update.gap else []
    parts += [
        b"id: %d\ndata: %s\n\n" % (row.cursor, msgspec.json.encode(event_view(row))) for row in update.records
    ]
    parts.append(b"id: %d\n\n" % update.cursor)
    return b"".join(parts)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    after = Parameter(
        name="after", description="The cursor to start after. Default: only new events.", kind="integer"
    )
    return [
        Endpoint(
            method="GET",
            path=AUDIT_STREAM,
            right=Right.AUDIT_READ,
            handler=stream,
            response_type=EVENT_STREAM,
            query=(*QUERY, after),
        )
    ]
