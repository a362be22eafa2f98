"""The arguments and options of `audit` commands that select events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from ambassador_admin.cli.parsing import check_choice, format_time, parse_time
from ambassador_admin.errors import UsageError
from ambassador_protocol.admin.enumerations import AUDIT_ACTIONS, OUTCOMES


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """The selected events; they match every argument and option."""

    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORD=VALUE]...",
            help="A query such as user=alice tool~git.* since=1h, with the words user, tool, resource, kind, action, "
            "outcome, decision, reason, request, session, source, subject, since and until.",
            show_default=False,
        ),
    ] = None
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="QUERY",
            help='A query as one text, with and, or, not and ( ), as in "decision=deny and not user=alice".',
        ),
    ] = None
    actor: Annotated[str | None, typer.Option("--actor", metavar="NAME", help="The name of who did it.")] = (
        None
    )
    resource: Annotated[
        str | None,
        typer.Option(
            "--tool",
            "--resource",
            metavar="GLOB",
            help="The name of the object it was done to; '*' matches anything.",
        ),
    ] = None
    action: Annotated[
        str | None, typer.Option("--action", metavar="ACTION", help="The action, such as call:tool:deny.")
    ] = None
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", metavar="WORD", help="permitted, denied, succeeded or failed."),
    ] = None
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="WORD", help="The reason, such as no_grant or kill_switch."),
    ] = None
    request: Annotated[str | None, typer.Option("--request", metavar="ID", help="The id of a request.")] = (
        None
    )
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Events from this time on: 1h, 7d or 2026-01-31T12:00:00Z."
        ),
    ] = None
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Events before this time.")] = (
        None
    )

    def query(self, now: datetime) -> dict[str, str | None]:
        """Return the query parameters; durations count back from `now`, the same on every page.

        Raises UsageError for an unknown action, an unknown outcome or an invalid time.
        """
        check_choice(self.action, AUDIT_ACTIONS.words, "--action")
        check_choice(self.outcome, OUTCOMES.words, "--outcome")
        since, until = parse_time(self.since, now, "--since"), parse_time(self.until, now, "--until")
        if since is not None and until is not None and since > until:
            raise UsageError(
                f"--since {self.since} is after --until {self.until}, so there is nothing between them.",
                hint="a duration counts back from now: --since 3h --until 2h",
            )
        parameters = {
            "q": " ".join(self.words) if self.words else None,
            "where": self.where,
            "actor": self.actor,
            "resource": self.resource,
            "action": self.action,
            "outcome": self.outcome,
            "reason": self.reason,
            "request": self.request,
            "since": since,
            "until": until,
        }
        return parameters | {"now": format_time(now) if self.words or self.where else None}
