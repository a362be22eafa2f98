"""Which events: the query language as words, as one expression, and as options, for every verb of `audit`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from ambassador_admin.cli.parsing import format_time, parse_time


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """What is asked for; everything that is said must hold."""

    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORD=VALUE]...",
            help="A query such as user=alice tool~git.* since=1h, of the words user, tool, resource, kind, action, "
            "outcome, decision, reason, request, session, source, since and until.",
            show_default=False,
        ),
    ] = None
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="QUERY",
            help='The same as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".',
        ),
    ] = None
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
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before.")] = None

    def query(self, now: datetime) -> dict[str, str | None]:
        """Return the parameters of the request; durations in it count back from now, on every page of the answer."""
        said = {
            "q": " ".join(self.words) if self.words else None,
            "where": self.where,
            "actor": self.actor,
            "resource": self.resource,
            "action": self.action,
            "outcome": self.outcome,
            "reason": self.reason,
            "request": self.request,
            "since": parse_time(self.since, now, "--since"),
            "until": parse_time(self.until, now, "--until"),
        }
        return said | {"now": format_time(now) if self.words or self.where else None}
