"""The routes of the fake admin API for the audit; they use the query language of the server."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.problems import Problem, ProblemCode
from ambassador_server.domain.audit.call_counting import once_per_call
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, AuditEvent, Outcome, Resource
from ambassador_server.domain.audit.query import Query, all_of, matches, value_of
from ambassador_server.domain.audit.query_fields import COUNTED_FIELDS, FIELDS, TIME_FIELDS
from ambassador_server.domain.audit.query_parser import compare, parse_query
from ambassador_server.errors import InvalidInputError, InvalidQueryError
from tests.admin.fake_routes import API, Refusal, _for
from tests.admin.fake_state import Item
from tests.admin.shell import NOW

_PARAMETERS = {"q", "where", "now", *FIELDS, *TIME_FIELDS}
_STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams", set)


def add_audit_routes(app: web.Application) -> None:
    """Add the routes, and a handler that ends open streams with the application."""
    app[_STREAMS] = set()
    app.add_routes(
        [
            web.get(paths.AUDIT_EVENTS, _for("audit:read", _events)),
            web.get(paths.AUDIT_STATISTICS, _for("audit:read", _statistics)),
            web.get(paths.AUDIT_TRACES + "/{id}", _for("audit:read", _trace)),
            web.get(paths.AUDIT_STREAM, _for("audit:read", _stream)),
        ]
    )
    app.on_shutdown.append(_end_streams)


async def _events(request: web.Request) -> web.Response:
    api, query = request.app[API], request.query
    try:
        wanted = _found(request, {"limit", "cursor", "after"})
    except InvalidQueryError as error:
        return _refused(error)
    size = min(int(query["limit"]), api.page_size)
    if "after" in query:
        after = int(query["after"])
        found = [event for event in wanted if event["cursor"] > after][:size]
        last = found[-1]["cursor"] if len(found) == size else max(after, len(api.events))
        return web.json_response({"items": found, "next_cursor": str(last), "total": None})
    before = int(query.get("cursor", "0")) or len(api.events) + 1
    found = [event for event in reversed(wanted) if event["cursor"] < before][:size]
    more = str(found[-1]["cursor"]) if len(found) == size else None
    return web.json_response({"items": found, "next_cursor": more, "total": None})


async def _statistics(request: web.Request) -> web.Response:
    wanted, by = _found(request, {"by", "top"}, once_per_call), request.query["by"]
    if by == "hour":
        return _by_hour(wanted, int(request.query["top"]))
    if by not in COUNTED_FIELDS:
        raise Refusal(400, f"by: must be one of {', '.join(COUNTED_FIELDS)}")
    counted = Counter(value_of(COUNTED_FIELDS[by].attribute, _event(event)) for event in wanted)
    top = counted.most_common(int(request.query["top"]))
    body = {
        "by": by,
        "values": [{"value": value, "count": count} for value, count in top],
        "other": counted.total() - sum(count for _, count in top),
        "total": counted.total(),
    }
    return web.json_response(body)


async def _trace(request: web.Request) -> web.Response:
    api, found_by = request.app[API], request.match_info["id"]
    events = [event for event in api.events if found_by in (event["id"], event["request_id"])]
    if not events:
        raise Refusal(404, f"No event and no request is called {found_by!r}")
    last = events[-1]
    switch_id = last["details"].get("switch")
    body = {
        **{
            name: events[0][name]
            for name in ("request_id", "at", "action", "actor", "resource", "session_id")
        },
        "source": last["source"],
        "decision": "deny" if last["outcome"] == "denied" else "permit",
        "outcome": last["outcome"],
        "reason": last["reason"],
        "open": False,
        "milliseconds": last["details"].get("milliseconds"),
        "grant_id": events[0]["details"].get("grant"),
        "grant": api.grants.get(events[0]["details"].get("grant", "")),
        "switch_id": switch_id,
        "switch": None if switch_id is None else api.switches.get(switch_id),
        "events": events,
    }
    return web.json_response(body)


async def _stream(request: web.Request) -> Any:
    api, query, cursor = request.app[API], _query(request, {"after"}), int(request.query["after"])
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    task = asyncio.current_task()
    assert task is not None
    request.app[_STREAMS].add(task)
    if 0 < cursor < api.dropped_events:
        await response.write(b"event: gap\ndata: {}\n\n")
    await response.write(b"id: %d\n\n" % cursor)
    api.stream_opened.set()
    generation = api.stream_generation
    while generation is api.stream_generation:
        for event in list(api.events[cursor:]):
            cursor = event["cursor"]
            if matches(query, _event(event)):
                await response.write(b"id: %d\ndata: %s\n\n" % (cursor, json.dumps(event).encode()))
        await asyncio.sleep(0.005)
    return response


async def _end_streams(app: web.Application) -> None:
    for task in app[_STREAMS]:
        task.cancel()


def _by_hour(wanted: list[Item], top: int) -> web.Response:
    hours = Counter(event["at"][:13] for event in wanted)
    denied = Counter(event["at"][:13] for event in wanted if event["outcome"] == "denied")
    values = [
        {"value": f"{hour}:00:00.000Z", "count": hours[hour], "denied": denied[hour]}
        for hour in sorted(hours)
    ][-top:]
    other = hours.total() - sum(each["count"] for each in values)
    return web.json_response({"by": "hour", "values": values, "other": other, "total": hours.total()})


def _found(
    request: web.Request, more: set[str], narrow: Callable[[Query], Query] = lambda query: query
) -> list[Item]:
    query = narrow(_query(request, more))
    return [event for event in request.app[API].events if matches(query, _event(event))]


def _query(request: web.Request, more: set[str]) -> Query:
    asked = request.query
    if set(asked) - _PARAMETERS - more:
        raise Refusal(400, "unknown parameter")
    now = datetime.fromisoformat(asked.get("now", NOW.isoformat()))
    texts = [parse_query(asked[name], now, name) for name in ("q", "where") if name in asked]
    try:
        words = [compare(name, asked[name], now) for name in (*FIELDS, *TIME_FIELDS) if name in asked]
    except InvalidInputError as error:
        raise Refusal(400, error.message) from None
    return all_of(*texts, *words)


def _event(item: Item) -> AuditEvent:
    actor, resource = item["actor"], item["resource"]
    return AuditEvent(
        at=datetime.fromisoformat(item["at"]),
        action=AuditAction(item["action"]),
        outcome=Outcome(item["outcome"]),
        actor=Actor(kind=ActorKind(actor["kind"]), name=actor["name"]),
        resource=Resource(kind=resource["kind"], id=resource["id"], name=resource["name"]),
        **{name: item[name] for name in ("reason", "request_id", "session_id", "source")},
    )


def _refused(error: InvalidQueryError) -> web.Response:
    problem = Problem(
        status=400,
        code=ProblemCode.BAD_REQUEST,
        error="validation_error",
        message=error.message,
        request_id="request-0001",
        parameter=error.name,
        position=error.position,
    )
    return web.json_response(problem.body(), status=400, content_type="application/problem+json")
