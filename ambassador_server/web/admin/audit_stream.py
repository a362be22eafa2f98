"""`/v1/admin/audit/stream`: the events as they happen, as Server-Sent Events.

Each event has its cursor as the `id`; a client that lost the connection sends it back as `Last-Event-ID` and goes on
there. An `id` alone says that the stream lives and how far it has looked; `event: gap` that records may be missing.
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
    """Follow the events behind a cursor, or from now on, until the caller disconnects or loses the right."""
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
            # The answer has begun: its end is all that can be said, and the next request hears why.
            return response
    return response


async def end_all(app: web.Application) -> None:
    """Let every stream end, because the server does."""
    app[AUDIT].feed.close()


def _cursor(request: web.Request) -> int | None:
    last = request.headers.get(LAST_EVENT_ID)
    if last is None:
        return number(request, "after", 0) if "after" in request.query else None
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise InvalidInputError(f"{LAST_EVENT_ID}: no stream has given this; begin again without it")
    return int(last)


def _text(update: FeedUpdate) -> bytes:
    parts = [b"event: gap\ndata: {}\n\n"] if update.gap else []
    parts += [
        b"id: %d\ndata: %s\n\n" % (row.cursor, msgspec.json.encode(event_view(row))) for row in update.records
    ]
    parts.append(b"id: %d\n\n" % update.cursor)
    return b"".join(parts)


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    after = Parameter(name="after", says="The cursor behind which to begin, else now.", kind="integer")
    return [
        Endpoint(
            method="GET",
            path=AUDIT_STREAM,
            right=Right.AUDIT_READ,
            handler=stream,
            gives=EVENT_STREAM,
            query=(*QUERY, after),
        )
    ]
