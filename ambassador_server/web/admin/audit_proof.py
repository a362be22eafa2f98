"""`/v1/admin/audit`, as far as it is about the log itself: parse, call, render."""

from aiohttp import web

from ambassador_protocol.admin.audit import AuditKeyView, Pruning, PruningView, WriterFinding
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_KEYS, AUDIT_PRUNING, AUDIT_VERIFICATION
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.admin.app_keys import AUDIT
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import CURSOR, LIMIT, Endpoint, Parameter
from ambassador_server.web.requests import duration, moment, requester
from ambassador_server.web.timestamps import timestamp


async def verify(request: web.Request) -> web.Response:
    """Follow the chain of every writer, or the part of it that `from` and `to` name, and say what is broken."""
    proof = request.app[AUDIT].proof
    found = await proof.verify(since=moment(request, "from"), until=moment(request, "to"))
    return json_response(Page(items=list(found), next_cursor=None))


async def keys(request: web.Request) -> web.Response:
    """List the public keys that checkpoints are signed with; the one that signs now is first."""
    found = request.app[AUDIT].proof.keys()
    return json_response(Page(items=[AuditKeyView(**key) for key in found], next_cursor=None))


async def prune(request: web.Request, body: Pruning) -> web.Response:
    """Remove what is older: whole segments of the log, and records of the index."""
    older_than = duration(body.older_than_seconds, "older_than_seconds")
    if older_than is None:
        raise InvalidInputError("older_than_seconds: is missing")
    done = await request.app[AUDIT].retention.prune(
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


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    read, keys_page = Right.AUDIT_READ, (LIMIT, CURSOR)
    span = (
        Parameter(name="from", says="Not before this time."),
        Parameter(name="to", says="Not after this time."),
    )
    return [
        Endpoint(
            method="GET",
            path=AUDIT_VERIFICATION,
            right=read,
            handler=verify,
            gives=Page[WriterFinding],
            query=(*span, *keys_page),
        ),
        Endpoint(
            method="GET",
            path=AUDIT_KEYS,
            right=read,
            handler=keys,
            gives=Page[AuditKeyView],
            query=keys_page,
        ),
        Endpoint(
            method="POST",
            path=AUDIT_PRUNING,
            right=Right.AUDIT_PRUNE,
            handler=prune,
            takes=Pruning,
            gives=PruningView,
        ),
    ]
