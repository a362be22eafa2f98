"""`/v1/admin/audit`: queries, counts and explains audit events."""

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches

from aiohttp import web

from ambassador_protocol.admin.audit import (
    ActorView,
    CountView,
    EventPage,
    EventView,
    IndexLagView,
    ResourceView,
    StatisticsView,
    TraceView,
)
from ambassador_protocol.paths import AUDIT_EVENTS, AUDIT_STATISTICS, AUDIT_TRACES
from ambassador_server.domain.audit.call_counting import DECISIONS, once_per_call
from ambassador_server.domain.audit.events import IndexedRecord
from ambassador_server.domain.audit.query import EVERYTHING, Query, all_of
from ambassador_server.domain.audit.query_fields import COUNTED_FIELDS, FIELDS, TIME_FIELDS
from ambassador_server.domain.audit.query_parser import compare, parse_query
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.names import Names
from ambassador_server.services.audit.index import AuditSearch, Trace
from ambassador_server.services.audit.log_indexing import IndexState
from ambassador_server.web.admin.app_keys import ADMINISTRATION, AUDIT
from ambassador_server.web.admin.policy_views import grant_view, switch_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import CURSOR, LIMIT, Endpoint, Parameter
from ambassador_server.web.requests import moment, number, page_limit
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def _field_parameter(name: str, meaning: str) -> Parameter:
    return Parameter(name=name, description=f"{meaning[:1].upper()}{meaning[1:]}.", kind="array")


QUERY = (
    Parameter(name="q", description="The condition, in the audit query language.", kind="array"),
    Parameter(name="where", description="A further condition, in the same language.", kind="array"),
    Parameter(name="now", description="The time that durations count back from. Default: the current time."),
    *(_field_parameter(name, field.meaning) for name, field in FIELDS.items()),
    *(_field_parameter(name, field.meaning) for name, field in TIME_FIELDS.items()),
)
"""The parameters that select events: conditions in the query language, and each field of it as a parameter."""

_HOUR = "hour"
_COUNTED_BY = (*COUNTED_FIELDS, _HOUR)
_DEFAULT_TOP = 10
_MAX_TOP = 100


async def events(request: web.Request) -> web.Response:
    """List events newest first, or those after the cursor `after`, oldest first."""
    search, wanted, limit = request.app[AUDIT].search, wanted_events(request), page_limit(request)
    lag = _lag_view(await search.refresh())
    if "after" in request.query:
        found, last = await search.after(wanted, limit=limit, cursor=number(request, "after", 0))
        return json_response(_page(found, str(last), lag))
    before = number(request, "cursor", 0) or None
    found = await search.newest(wanted, limit=limit, before=before)
    next_cursor = str(found[-1].cursor) if len(found) == limit else None
    return json_response(_page(found, next_cursor, lag))


async def trace(request: web.Request) -> web.Response:
    """Show all events of one request, and a summary of them."""
    search = request.app[AUDIT].search
    lag = _lag_view(await search.refresh())
    found = await search.trace(request.match_info["id"])
    return json_response(_trace_view(found, request.app[ADMINISTRATION].names, lag))


async def statistics(request: web.Request) -> web.Response:
    """Count events by a field of the query language or by hour; a call counts once."""
    by = request.query.get("by", "action")
    if by not in _COUNTED_BY:
        near = get_close_matches(by, _COUNTED_BY, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidInputError(f"by: must be one of {', '.join(_COUNTED_BY)}{guess}")
    top = max(1, min(number(request, "top", _DEFAULT_TOP), _MAX_TOP))
    wanted, search = wanted_events(request), request.app[AUDIT].search
    lag = _lag_view(await search.refresh())
    if by == _HOUR:
        values, total = await _by_hour(search, wanted, top)
    else:
        values, total = await _by_field(search, wanted, by, top)
    other = total - sum(value.count for value in values)
    return json_response(StatisticsView(by=by, values=values, other=other, total=total, index=lag))


async def _by_hour(search: AuditSearch, wanted: Query, top: int) -> tuple[list[CountView], int]:
    found = await search.hours(once_per_call(wanted), last=top)
    values = [
        CountView(value=timestamp(hour.at), count=hour.count, denied=hour.denied) for hour in found.hours
    ]
    return values, found.total


async def _by_field(search: AuditSearch, wanted: Query, by: str, top: int) -> tuple[list[CountView], int]:
    field = COUNTED_FIELDS[by]
    narrowed = all_of(wanted, EVERYTHING if field.within is None else field.resembles("*"))
    counted = all_of(narrowed, DECISIONS) if by == "decision" else once_per_call(narrowed)
    found = await search.counts(counted, field.attribute, top=top)
    return [CountView(value=field.written(value), count=count) for value, count in found.values], found.total


def wanted_events(request: web.Request) -> Query:
    """Return the query of the parameters; durations count back from the parameter `now`, or from the current time."""
    now = moment(request, "now") or datetime.now(UTC)
    texts = [(name, text) for name in ("q", "where") for text in request.query.getall(name, ())]
    fields = [(name, value) for name, value in request.query.items() if name in FIELDS or name in TIME_FIELDS]
    return all_of(
        *(parse_query(text, now, name) for name, text in texts),
        *(compare(name, value, now) for name, value in fields),
    )


def event_view(row: IndexedRecord) -> EventView:
    """Convert an event to its wire body."""
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


def _page(found: Sequence[IndexedRecord], next_cursor: str | None, lag: IndexLagView) -> EventPage:
    return EventPage(items=[event_view(row) for row in found], next_cursor=next_cursor, index=lag)


def _lag_view(state: IndexState) -> IndexLagView:
    return IndexLagView(
        behind_records=state.behind_records,
        behind_seconds=round(state.behind_seconds, 1),
        indexed_until=optional_timestamp(state.indexed_until),
    )


def _trace_view(trace: Trace, names: Names, lag: IndexLagView) -> TraceView:
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
        index=lag,
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    read = Right.AUDIT_READ
    after = Parameter(name="after", description="The cursor to start after, oldest first.", kind="integer")
    by = Parameter(name="by", description=f"What to count by: {', '.join(_COUNTED_BY)}. Default: action.")
    top = Parameter(
        name="top",
        description=f"The number of values or of the newest hours, at most {_MAX_TOP}. Default: {_DEFAULT_TOP}.",
        kind="integer",
    )
    return [
        Endpoint(
            method="GET",
            path=AUDIT_EVENTS,
            right=read,
            handler=events,
            response_type=EventPage,
            query=(*QUERY, LIMIT, CURSOR, after),
        ),
        Endpoint(
            method="GET", path=f"{AUDIT_TRACES}/{{id}}", right=read, handler=trace, response_type=TraceView
        ),
        Endpoint(
            method="GET",
            path=AUDIT_STATISTICS,
            right=read,
            handler=statistics,
            response_type=StatisticsView,
            query=(*QUERY, by, top),
        ),
    ]
