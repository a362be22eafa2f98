"""`/v1/admin/audit`: parse a query, call the service, render."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_EVENTS
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.audit import AuditFilter, Outcome
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.store import IndexedRecord
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import check_parameters, choice, number, page_limit
from ambassador_server.web.views import timestamp

_PARAMETERS = frozenset(
    [
        "actor",
        "action",
        "resource",
        "outcome",
        "reason",
        "request_id",
        "since",
        "until",
        "limit",
        "cursor",
        "after",
    ]
)


async def events(request: web.Request) -> web.Response:
    """List events newest first, or with `after` those behind a cursor, oldest first."""
    check_parameters(request, _PARAMETERS)
    trail, wanted, limit = request.app[SERVICES].audit_trail, _filter(request), page_limit(request)
    if "after" in request.query:
        found, behind = await trail.after(wanted, limit=limit, cursor=number(request, "after", 0))
        return json_response(Page(items=[_event_view(row) for row in found], next_cursor=str(behind)))
    before = number(request, "cursor", 0) or None
    found = await trail.newest(wanted, limit=limit, before=before)
    next_cursor = str(found[-1].cursor) if len(found) == limit else None
    return json_response(Page(items=[_event_view(row) for row in found], next_cursor=next_cursor))


def _filter(request: web.Request) -> AuditFilter:
    query = request.query
    outcome = query.get("outcome")
    return AuditFilter(
        actor=query.get("actor"),
        action=query.get("action"),
        resource=query.get("resource"),
        outcome=None if outcome is None else choice(Outcome, outcome, "outcome"),
        reason=query.get("reason"),
        request_id=query.get("request_id"),
        since=_time(request, "since"),
        until=_time(request, "until"),
    )


def _time(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{name}: must be an ISO-8601 time") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _event_view(row: IndexedRecord) -> dict[str, Any]:
    record, event = row.record, row.record.event
    return {
        "cursor": row.cursor,
        "writer": record.writer,
        "seq": record.seq,
        "digest": record.digest,
        "at": timestamp(event.at),
        "action": event.action,
        "outcome": event.outcome,
        "actor": event.actor,
        "resource": event.resource,
        "reason": event.reason,
        "request_id": event.request_id,
        "session_id": event.session_id,
        "source": event.source,
        "details": event.details,
    }


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [web.get(AUDIT_EVENTS, administered(Right.AUDIT_READ, events))]
