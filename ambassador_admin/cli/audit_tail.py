"""The command `audit tail`: shows the latest events and follows new ones."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.audit import EVENT
from ambassador_admin.cli.audit_filters import AuditFilters
from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import BadAnswerError, UnreachableError
from ambassador_admin.output import Format, Stream
from ambassador_protocol.backoff import Backoff
from ambassador_protocol.event_stream import ServerSentEvent
from ambassador_protocol.json_text import parse_object

_PAUSES = Backoff(1.0, 30.0)
_LINES = 10
_LINES_SINCE = 1000


def register(group: typer.Typer) -> None:
    """Register `audit tail`."""
    verb(group, "tail")(tail)


def tail(
    admin: Invocation,
    filters: AuditFilters,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new events as they come, until Ctrl-C.")
    ] = False,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            metavar="N",
            min=0,
            help=f"Begin with the last N events; by default {_LINES}, with --since {_LINES_SINCE}.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the latest events, oldest first; as JSON lines when stdout is no terminal.

    Example: ambassador-admin audit tail --follow decision=deny --since 10m
    """
    query = filters.query(admin.environment.now())
    admin.output.set_pipe_format(Format.JSONL)
    stream = admin.output.stream(EVENT) if follow else None
    wanted = lines if lines is not None else _LINES if filters.since is None else _LINES_SINCE
    latest = list(admin.api.items(audit.newest(query), limit=max(wanted, 1)))
    shown = latest[:wanted][::-1]
    if stream is None:
        admin.output.rows(EVENT, shown)
        return
    stream.show(shown)
    _Follower(admin, stream, query).follow(str(latest[0].get("cursor")) if latest else "0")


class _Follower:
    """Shows the events after a cursor, and reconnects when the connection is lost."""

    def __init__(self, admin: Invocation, stream: Stream, filters: Mapping[str, str | None]) -> None:
        self._admin = admin
        self._stream = stream
        self._filters = filters
        self._failures = 0

    def follow(self, cursor: str) -> None:
        """Show events until interrupted."""
        while True:
            try:
                for events, last_id in self._admin.api.follow(audit.stream(self._filters, cursor)):
                    self._reset_failures()
                    self._show(events)
                    cursor = last_id or cursor
            except UnreachableError as error:
                if self._failures == 0:
                    self._admin.output.warn(f"{error.message} Trying to reconnect.")
                self._failures += 1
            # A server ends the stream when it stops, or to authenticate the key again.
            time.sleep(_PAUSES.after(self._failures + 1))

    def _show(self, events: Sequence[ServerSentEvent]) -> None:
        items: list[dict[str, Any]] = []
        for event in events:
            if event.name == "gap":
                self._admin.output.warn("The server removed events here before they were shown.")
            else:
                items.append(_item(event))
        if items:
            self._stream.show(items)

    def _reset_failures(self) -> None:
        if self._failures > 0:
            self._failures = 0
            self._admin.output.say("Reconnected; continuing after the last event.")


def _item(event: ServerSentEvent) -> dict[str, Any]:
    try:
        return parse_object(event.data)
    except ValueError as error:
        raise BadAnswerError(f"The server sends an event that {error}.") from None
