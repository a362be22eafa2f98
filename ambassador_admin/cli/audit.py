"""`audit`: what happened, asked once or followed live."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.values import moment
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import BadAnswerError, UnreachableError
from ambassador_admin.output import Format, Stream, View
from ambassador_admin.output.view import Column, clock

EVENT = View(
    "events",
    (
        Column("TIME", "at", clock, whole=True),
        Column("OUTCOME", "outcome", status=True),
        Column("ACTION", "action", whole=True),
        Column("ACTOR", "actor.name", otherwise="actor.id"),
        Column("RESOURCE", "resource.name", otherwise="resource.id"),
        Column("REASON", "reason"),
        Column("KEY", "actor.key_name", wide=True),
        Column("SOURCE", "source", wide=True),
        Column("SESSION", "session_id", wide=True),
        Column("REQUEST", "request_id", wide=True),
    ),
    (
        *("cursor", "at", "action", "outcome", "actor.kind", "actor.id", "actor.name", "actor.key_id"),
        *("actor.key_name", "resource.kind", "resource.id", "resource.name", "reason", "request_id"),
        *("session_id", "source", "details", "writer", "seq", "digest"),
    ),
)

_POLL_SECONDS = 1.0
_LONGEST_WAIT = 30.0
_BATCH = 200

app = noun("What happened: every call, refusal and change.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events; None means any."""

    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="Who did it.")] = None
    resource: Annotated[
        str | None,
        typer.Option(
            "--tool", "--resource", metavar="GLOB", help="What it was done to; '*' matches anything."
        ),
    ] = None
    action: Annotated[
        str | None, typer.Option("--action", metavar="ACTION", help="Such as call:tool:deny.")
    ] = None
    outcome: Annotated[
        str | None, typer.Option("--outcome", metavar="WORD", help="permitted, denied, succeeded or failed.")
    ] = None
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="WORD", help="Such as no_grant or kill_switch.")
    ] = None
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="One request, by its id.")
    ] = None
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Not before: 1h, 7d or 2026-01-31T12:00:00Z."),
    ] = None
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Not after.")] = None

    def query(self, now: datetime) -> dict[str, str | None]:
        """Return the parameters of the request."""
        return {
            "actor": self.actor,
            "resource": self.resource,
            "action": self.action,
            "outcome": self.outcome,
            "reason": self.reason,
            "request_id": self.request,
            "since": moment(self.since, now, "--since"),
            "until": moment(self.until, now, "--until"),
        }


@verb(app, "query")
def query(
    admin: AdminContext,
    wanted: Wanted,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")] = 100,
) -> None:
    """Find events, newest first.

    Example: ambassador-admin audit query --actor alice --since 7d
    """
    # One more than asked for tells whether there are more.
    events = list(admin.api.items(audit.newest(wanted.query(admin.world.now())), limit=limit + 1))
    admin.output.rows(EVENT, events[:limit])
    if len(events) > limit:
        admin.output.say(f"More than {limit} events match; --limit shows more.")


@verb(app, "tail")
def tail(
    admin: AdminContext,
    wanted: Wanted,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep showing what comes, until Ctrl-C.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=0, help="Begin with the last N.")
    ] = 10,
) -> None:
    """Show the latest events, oldest first; a pipe gets JSON lines.

    Example: ambassador-admin audit tail --follow --tool 'time.*'
    """
    filters = wanted.query(admin.world.now())
    admin.output.prefer(Format.JSONL)
    stream = admin.output.stream(EVENT) if follow else None
    latest = list(admin.api.items(audit.newest(filters), limit=max(lines, 1)))
    shown = latest[:lines][::-1]
    if stream is None:
        admin.output.rows(EVENT, shown)
        return
    stream.show(shown)
    _Follower(admin, stream, filters).follow(str(latest[0].get("cursor")) if latest else "0")


class _Follower:
    """Polls for what is newer than a cursor, and goes on from there when a lost server is back."""

    def __init__(self, admin: AdminContext, stream: Stream, filters: Mapping[str, str | None]) -> None:
        self._admin = admin
        self._stream = stream
        self._filters = filters
        self._failures = 0

    def follow(self, cursor: str) -> None:
        """Show events until interrupted."""
        while True:
            page = self._poll(cursor)
            if page is None:
                time.sleep(self._wait())
                continue
            items, cursor = page
            if items:
                self._stream.show(items)
            if len(items) < _BATCH:
                time.sleep(_POLL_SECONDS)

    def _poll(self, cursor: str) -> tuple[list[dict[str, Any]], str] | None:
        try:
            page = self._admin.api.page(audit.after(self._filters, cursor), limit=_BATCH)
        except UnreachableError as error:
            if self._failures == 0:
                self._admin.output.warn(f"{error.message} Trying again until the server is back.")
            self._failures += 1
            return None
        if page.next_cursor is None:
            raise BadAnswerError("The server does not say where its audit continues.")
        if self._failures > 0:
            self._failures = 0
            self._admin.output.say("The server is back; no event was missed.")
        return page.items, page.next_cursor

    def _wait(self) -> float:
        longest = min(_LONGEST_WAIT, _POLL_SECONDS * 2.0 ** min(self._failures, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the return of many, hides nothing
