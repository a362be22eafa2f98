"""`/v1/admin/audit`: parse a query, call the service, render."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.audit import (
    ActorView,
    CountView,
    EventView,
    ResourceView,
    StatisticsView,
    TraceView,
)
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_EVENTS, AUDIT_STATISTICS, AUDIT_TRACES
from ambassador_server.domain.audit.events import IndexedRecord
from ambassador_server.domain.audit.query import EVERYTHING, Query, all_of
from ambassador_server.domain.audit.query_fields import FIELDS, TIME_FIELDS
from ambassador_server.domain.audit.query_parser import compare, parse_query
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.names import Names
from ambassador_server.services.audit.index import Trace
from ambassador_server.web.admin.app_keys import ADMINISTRATION, AUDIT
from ambassador_server.web.admin.views import grant_view, switch_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import CURSOR, LIMIT, Endpoint, Parameter
from ambassador_server.web.requests import moment, number, page_limit
from ambassador_server.web.timestamps import timestamp


def _word(name: str, meaning: str) -> Parameter:
    return Parameter(name=name, says=f"{meaning[:1].upper()}{meaning[1:]}.", kind="array")


QUERY = (
    Parameter(name="q", says="What is asked, in the audit query language.", kind="array"),
    Parameter(name="where", says="A further condition, in the same language.", kind="array"),
    Parameter(name="now", says="The time that durations count back from, else this moment."),
    *(_word(name, word.meaning) for name, word in FIELDS.items()),
    *(_word(name, word.meaning) for name, word in TIME_FIELDS.items()),
)
"""The parameters that say which events: both forms of a query, and every word of it on its own."""

_TOP = 10
_MOST = 100


async def events(request: web.Request) -> web.Response:
    """List events newest first, or with `after` those behind a cursor, oldest first."""
    search, wanted, limit = request.app[AUDIT].search, wanted_events(request), page_limit(request)
    if "after" in request.query:
        found, behind = await search.after(wanted, limit=limit, cursor=number(request, "after", 0))
        return json_response(Page(items=[event_view(row) for row in found], next_cursor=str(behind)))
    before = number(request, "cursor", 0) or None
    found = await search.newest(wanted, limit=limit, before=before)
    next_cursor = str(found[-1].cursor) if len(found) == limit else None
    return json_response(Page(items=[event_view(row) for row in found], next_cursor=next_cursor))


async def trace(request: web.Request) -> web.Response:
    """Join everything recorded of one request."""
    found = await request.app[AUDIT].search.trace(request.match_info["id"])
    return json_response(_trace_view(found, request.app[ADMINISTRATION].names))


async def statistics(request: web.Request) -> web.Response:
    """Count events by one word of the query language."""
    by = request.query.get("by", "action")
    if by not in FIELDS:
        raise InvalidInputError(f"by: must be one of {', '.join(FIELDS)}")
    word, top = FIELDS[by], max(1, min(number(request, "top", _TOP), _MOST))
    wanted = all_of(wanted_events(request), EVERYTHING if word.within is None else word.resembles("*"))
    found = await request.app[AUDIT].search.counts(wanted, word.attribute, top=top)
    values = [CountView(value=word.written(value), count=count) for value, count in found.values]
    other = found.total - sum(count for _, count in found.values)
    return json_response(StatisticsView(by=by, values=values, other=other, total=found.total))


def wanted_events(request: web.Request) -> Query:
    """Return what the parameters ask for; durations count back from `now`, which is this moment unless they say."""
    now = moment(request, "now") or datetime.now(UTC)
    texts = [(name, text) for name in ("q", "where") for text in request.query.getall(name, ())]
    words = [(name, value) for name, value in request.query.items() if name in FIELDS or name in TIME_FIELDS]
    return all_of(
        *(parse_query(text, now, name) for name, text in texts),
        *(compare(name, value, now) for name, value in words),
    )


def event_view(row: IndexedRecord) -> EventView:
    """Show an event."""
    record, event = row.record, row.record.event
    return EventView(
        id=f"{record.writer}:{record.seq}",
        cursor=row.cursor,
        writer=record.writer,
        seq=record.seq,
        digest=record.digest,
        at=timestamp(event.at),
        action=event.action,
        outcome=event.outcome,
        actor=ActorView(
            kind=event.actor.kind,
            id=event.actor.id,
            name=event.actor.name,
            key_id=event.actor.key_id,
            key_name=event.actor.key_name,
        ),
        resource=ResourceView(kind=event.resource.kind, id=event.resource.id, name=event.resource.name),
        reason=event.reason,
        request_id=event.request_id,
        session_id=event.session_id,
        source=event.source,
        details=event.details,
    )


def _trace_view(trace: Trace, names: Names) -> TraceView:
    shown = [event_view(row) for row in trace.records]
    first, summary = shown[0], trace.summary
    return TraceView(
        request_id=first.request_id,
        at=first.at,
        action=first.action,
        actor=first.actor,
        resource=first.resource,
        session_id=first.session_id,
        source=first.source,
        decision=summary.decision,
        outcome=summary.outcome,
        reason=summary.reason,
        open=summary.is_open,
        milliseconds=summary.milliseconds,
        grant_id=summary.grant_id,
        grant=None if trace.grant is None else grant_view(trace.grant, names),
        switch_id=summary.switch_id,
        switch=None if trace.switch is None else switch_view(trace.switch, datetime.now(UTC)),
        events=shown,
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    read = Right.AUDIT_READ
    after = Parameter(name="after", says="The cursor behind which to begin, oldest first.", kind="integer")
    by = Parameter(name="by", says=f"The word to count by: {', '.join(FIELDS)}; else action.")
    top = Parameter(name="top", says=f"How many values: at most {_MOST}, else {_TOP}.", kind="integer")
    return [
        Endpoint(
            method="GET",
            path=AUDIT_EVENTS,
            right=read,
            handler=events,
            gives=Page[EventView],
            query=(*QUERY, LIMIT, CURSOR, after),
        ),
        Endpoint(method="GET", path=f"{AUDIT_TRACES}/{{id}}", right=read, handler=trace, gives=TraceView),
        Endpoint(
            method="GET",
            path=AUDIT_STATISTICS,
            right=read,
            handler=statistics,
            gives=StatisticsView,
            query=(*QUERY, by, top),
        ),
    ]
