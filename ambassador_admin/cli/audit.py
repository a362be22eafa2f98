"""The commands `audit query`, `audit show` and `audit stats`."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.audit_filters import AuditFilters
from ambassador_admin.cli.audit_lag import tell_lag
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.hourly_chart import MAX_HOURS, draw_hours, hours_of
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import Format, Output, View
from ambassador_admin.output.charts import Glyphs, bar
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import NOTHING, Column, exact_time, fields_of, plain
from ambassador_protocol.admin.audit import TraceView


def _flat(details: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the name and the value of each detail, those of a changed object as `before.name` and `after.name`."""
    for name, value in details.items() if isinstance(details, dict) else ():
        if isinstance(value, dict) and value and not prefix:
            yield from _flat(value, f"{name}.")
        else:
            yield f"{prefix}{name}", value


def _in_one_line(details: Any, now: datetime) -> str:
    return "; ".join(f"{printable(name)}={plain(value, now)}" for name, value in _flat(details)) or NOTHING


EVENT = View(
    "events",
    (
        # On a narrow terminal the year and then the date go first: the resource says more.
        Column("TIME", "at", exact_time, whole=True, ends=(15, 9)),
        Column("OUTCOME", "outcome", status=True),
        Column("ACTION", "action", whole=True),
        Column("ACTOR", "actor.name", fallback="actor.id"),
        Column("RESOURCE", "resource.name", fallback="resource.id", whole=True),
        Column("REASON", "reason"),
        Column("KEY", "actor.key_name", wide=True),
        Column("SOURCE", "source", wide=True),
        Column("SESSION", "session_id", wide=True),
        Column("REQUEST", "request_id", wide=True),
        Column("EVENT", "id", wide=True),
        Column("DETAILS", "details", _in_one_line, wide=True, wraps=True),
    ),
    (
        *("id", "cursor", "at", "action", "outcome", "actor.kind", "actor.id", "actor.name", "actor.key_id"),
        *("actor.key_name", "resource.kind", "resource.id", "resource.name", "reason", "request_id"),
        *("session_id", "source", "details", "writer", "seq", "digest"),
    ),
)

_BAR = 30
_TOP = 10
_TOP_HOURS = 24


def _milliseconds(value: Any, now: datetime) -> str:
    return f"{value:g} ms" if isinstance(value, int | float) else plain(value, now)


def _grant(value: Any, now: datetime) -> str:
    """Format a grant in one line, or the id of a deleted one."""
    if not isinstance(value, dict):
        return plain(value, now)
    tools = ", ".join(value["tools"])
    return printable(f"{value['effect']} {tools} of {value['mcp']} to {value['group']} ({value['id']})")


def _switch(value: Any, now: datetime) -> str:
    if not isinstance(value, dict):
        return plain(value, now)
    target = "" if value["target"] is None else f" {value['target']}"
    return printable(f"{value['scope']}{target}: {value['reason']} ({value['id']})")


TRACE = View(
    "requests",
    (
        Column("REQUEST", "request_id"),
        Column("TIME", "at", exact_time),
        Column("ACTOR", "actor.name", fallback="actor.id"),
        Column("KEY", "actor.key_name"),
        Column("SOURCE", "source"),
        Column("SESSION", "session_id"),
        Column("ACTION", "action"),
        Column("RESOURCE", "resource.name", fallback="resource.id"),
        Column("DECISION", "decision"),
        Column("GRANT", "grant", _grant, fallback="grant_id"),
        Column("KILL SWITCH", "switch", _switch, fallback="switch_id"),
        Column("OUTCOME", "outcome", status=True),
        Column("REASON", "reason"),
        Column("NO OUTCOME YET", "open"),
        Column("DOWNSTREAM TOOK", "milliseconds", _milliseconds),
        Column("ARGUMENTS", "arguments"),
    ),
    fields_of(TraceView),
)
_COUNT = (Column("COUNT", "count"), Column("SHARE", "share"))

app = noun("The audit: every call, refusal and change.")


@verb(app, "query")
def query(
    admin: Invocation,
    filters: AuditFilters,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="The maximum number of events.")
    ] = 100,
) -> None:
    """Find events, newest first.

    Example: ambassador-admin audit query user=alice decision=deny since=7d
    """
    wanted = audit.newest(filters.query(admin.environment.now()))
    # One more than the limit tells whether there are more.
    events = list(admin.api.items(wanted, limit=limit + 1, notice=partial(tell_lag, admin)))
    admin.output.rows(EVENT, events[:limit])
    if len(events) > limit:
        admin.output.say(f"More than {limit} events match; --limit shows more.")


@verb(app, "show")
def show(
    admin: Invocation,
    request_id: Annotated[
        str, typer.Argument(metavar="REQUEST", help="The id of a request, or of one of its events.")
    ],
) -> None:
    """Show every event of one request: who, what, the rule that decided, the outcome and the duration.

    Example: ambassador-admin audit show 0f3a9d0c2b7e4f6180a1b2c3d4e5f607
    """
    trace = admin.api.fetch(audit.trace(request_id))
    tell_lag(admin, trace)
    events = trace.get("events", [])
    arguments = events[0].get("details", {}).get("arguments") if events else None
    if admin.output.format in (Format.TABLE, Format.WIDE):
        admin.output.record(TRACE, {**trace, "arguments": arguments})
        if admin.output.fields is None:
            admin.output.write("")
            admin.output.rows(EVENT, events)
            for event in events:
                _show_details(admin, event)
    else:
        admin.output.record(TRACE, trace)


def _show_details(admin: Invocation, event: dict[str, Any]) -> None:
    """Show the details of an event, a line each; the arguments of a call are in the summary above."""
    now = admin.environment.now()
    details = [(name, value) for name, value in _flat(event.get("details")) if not _is_argument(name)]
    if details:
        admin.output.write("")
        admin.output.write(admin.output.bold(f"DETAILS OF {printable(str(event.get('id')))}"))
        admin.output.pairs([(printable(name), plain(value, now)) for name, value in details])


def _is_argument(name: str) -> bool:
    return name == "arguments" or name.startswith("arguments.")


@verb(app, "stats")
def stats(
    admin: Invocation,
    filters: AuditFilters,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WORD",
            help="What to count by: tool, user, reason, outcome, action, another word of the query language, or hour.",
        ),
    ] = "action",
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            metavar="N",
            min=1,
            max=100,
            help=f"The number of values, by default {_TOP}, or of the last hours, by default {_TOP_HOURS}; all others "
            "are one row.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Count events by one word of the query language, or by hour. A call counts once.

    Example: ambassador-admin audit stats --by reason decision=deny --since 24h
    """
    query = filters.query(admin.environment.now())
    shown = top or (_TOP_HOURS if by == "hour" else _TOP)
    found = admin.api.fetch(audit.statistics(query, by, shown))
    tell_lag(admin, found)
    if admin.output.format in (Format.JSON, Format.YAML, Format.JSONL):
        admin.output.document(found)
        return
    rows = (
        hours_of(found, shown)
        if by == "hour"
        else [{by: each["value"], "count": each["count"]} for each in found["values"]]
    )
    other = found["total"] - sum(row["count"] for row in rows)
    if other:
        rows.append({by: "(other)", "count": other})
    admin.output.rows(_counted(by, admin.output), _with_shares(rows, found["total"], admin.output.glyphs))
    if by != "hour" and rows and admin.output.chart_width is not None:
        draw_hours(admin.output, admin.api.fetch(audit.statistics(query, "hour", MAX_HOURS)), "EVENTS")


def _counted(by: str, output: Output) -> View:
    bars = (Column("", "bar", whole=True),) if output.is_terminal else ()
    denied = (Column("DENIED", "denied"),) if by == "hour" else ()
    fields = (by, "count", *(column.field for column in denied), "share")
    return View("events", (Column(by.upper(), by, whole=by == "hour"), *_COUNT, *denied, *bars), fields)


def _with_shares(rows: list[dict[str, Any]], total: int, glyphs: Glyphs) -> list[dict[str, Any]]:
    most = max((row["count"] for row in rows), default=1)
    for row in rows:
        row["share"] = f"{row['count'] / total:.1%}"
        whole = bar(row["count"], most, _BAR, glyphs.full)
        denied = bar(row.get("denied", 0), most, _BAR, glyphs.denied)
        row["bar"] = whole[len(denied) :] + denied
    return rows
