"""`/v1/admin/audit`, as far as it is about the log itself: parse, call, render."""

from aiohttp import web

from ambassador_protocol.admin.audit import Pruning, PruningView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_KEYS, AUDIT_PRUNING, AUDIT_VERIFICATION
from ambassador_server.domain.administrator import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import check_parameters, duration, moment, requester
from ambassador_server.web.views import timestamp


async def verify(request: web.Request) -> web.Response:
    """Follow the chain of every writer, or the part of it that `from` and `to` name, and say what is broken."""
    check_parameters(request, {"from", "to", "limit", "cursor"})
    archive = request.app[SERVICES].audit_archive
    found = await archive.verify(since=moment(request, "from"), until=moment(request, "to"))
    return json_response(Page(items=list(found), next_cursor=None))


async def keys(request: web.Request) -> web.Response:
    """List the public keys that checkpoints are signed with; the one that signs now is first."""
    check_parameters(request, {"limit", "cursor"})
    return json_response(Page(items=list(request.app[SERVICES].audit_archive.keys()), next_cursor=None))


async def prune(request: web.Request) -> web.Response:
    """Remove what is older: whole segments of the log, and records of the index."""
    body = await read_strict(request, Pruning)
    older_than = duration(body.older_than_seconds, "older_than_seconds")
    if older_than is None:
        raise InvalidInputError("older_than_seconds: is missing")
    done = await request.app[SERVICES].audit_retention.prune(
        requester(request), older_than=older_than, segments=body.segments, index=body.index
    )
    gone = done.removal
    return json_response(
        PruningView(
            before=timestamp(done.before),
            segments=0 if gone is None else gone.segments,
            first_seq=None if gone is None else gone.first_seq,
            last_seq=None if gone is None else gone.last_seq,
            head=None if gone is None else gone.head,
            indexed=done.indexed,
        )
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(AUDIT_VERIFICATION, administered(Right.AUDIT_READ, verify)),
        web.get(AUDIT_KEYS, administered(Right.AUDIT_READ, keys)),
        web.post(AUDIT_PRUNING, administered(Right.AUDIT_PRUNE, prune)),
    ]
