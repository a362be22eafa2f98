"""`/v1/admin/audit`: verifies and prunes the log, and lists its public keys."""

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
    """Verify the hash chain of every writer, or its part between `from` and `to`, and report faults."""
    proof = request.app[AUDIT].proof
    found = await proof.verify(since=moment(request, "from"), until=moment(request, "to"))
    return json_response(Page(items=list(found), next_cursor=None))


async def keys(request: web.Request) -> web.Response:
    """List the public keys that verify checkpoints; the key in use for signing is first."""
    found = request.app[AUDIT].proof.keys()
    return json_response(Page(items=[AuditKeyView(**key) for key in found], next_cursor=None))


async def prune(request: web.Request, body: Pruning) -> web.Response:
    """Remove older segments of the log and older records of the index."""
    older_than = duration(body.older_than_seconds, "older_than_seconds")
    if older_than is None:
        raise InvalidInputError("older_than_seconds: is missing")
    done = await request.app[AUDIT].retention.prune(
        requester(request), older_than=older_than, segments=body.segments, index=body.index
    )
    removal = done.removal
    return json_response(
        PruningView(
            before=timestamp(done.before),
            segments=0 if removal is None else removal.segments,
            first_seq=None if removal is None else removal.first_seq,
            last_seq=None if removal is None else removal.last_seq,
            head=None if removal is None else removal.head,
            indexed=done.indexed,
        )
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    read, keys_page = Right.AUDIT_READ, (LIMIT, CURSOR)
    span = (
        Parameter(name="from", description="The time to start at."),
        Parameter(name="to", description="The time to stop at."),
    )
    return [
        Endpoint(
            method="GET",
            path=AUDIT_VERIFICATION,
            right=read,
            handler=verify,
            response_type=Page[WriterFinding],
            query=(*span, *keys_page),
        ),
        Endpoint(
            method="GET",
            path=AUDIT_KEYS,
            right=read,
            handler=keys,
            response_type=Page[AuditKeyView],
            query=keys_page,
        ),
        Endpoint(
            method="POST",
            path=AUDIT_PRUNING,
            right=Right.AUDIT_PRUNE,
            handler=prune,
            body_type=Pruning,
            response_type=PruningView,
        ),
    ]
