"""The `approval` commands: requests for calls or for access, which another person decides."""

import time
from typing import Annotated

import typer

from ambassador_admin.api import approvals
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UnreachableError
from ambassador_admin.output import Format, View
from ambassador_admin.output.view import Column, duration, end_time, fields_of, relative_time
from ambassador_protocol.approvals import RequestDecision, RequestDetail, RequestView

_COLUMNS = (
    Column("ID", "id", id=True),
    Column("STATUS", "status", status=True),
    Column("KIND", "kind"),
    Column("USER", "user"),
    Column("WANTS", "capability", fallback="mcp"),
    Column("APPROVERS", "approvers"),
    Column("ASKED", "created_at", relative_time),
    Column("UNTIL", "expires_at", end_time, fallback="access_until"),
    Column("DECIDED BY", "decided_by"),
    Column("KEY", "key", wide=True),
    Column("MCP", "mcp", wide=True),
    Column("GRANT", "grant", wide=True),
    Column("VALID", "valid_seconds", duration, wide=True),
    Column("REASON", "reason", wide=True),
    Column("DECIDED", "decided_at", relative_time, wide=True),
    Column("WHY", "decision_reason", wide=True),
    Column("USED", "used_at", relative_time, wide=True),
)
REQUEST = View("requests", _COLUMNS, fields_of(RequestView))
DETAIL = View(
    "requests",
    (
        *_COLUMNS,
        Column("SHA256 OF THE CALL", "call_sha256", wide=True),
        Column("CONTENT", "content", wide=True),
    ),
    fields_of(RequestDetail),
)

_SECONDS = 2

app = noun("Requests for calls or for access, which another person decides.")

RequestId = Annotated[
    str, typer.Argument(metavar="ID", help="The request's id, or its beginning."), NameKind.APPROVAL
]


@verb(app, "list", watch=True)
def list_all(
    admin: Invocation,
    list_options: ListOptions,
    pending: Annotated[bool, typer.Option("--pending", help="Only those that wait for a decision.")] = False,
) -> None:
    """List the requests, newest first; those that are over are forgotten after 30 days.

    Example: ambassador-admin approval list --pending
    """
    list_options.show(admin, approvals.pending() if pending else approvals.list_all(), REQUEST)


@verb(app, "show")
def show(admin: Invocation, request_id: RequestId) -> None:
    """Show a request with what it asks for: the arguments of a call, as the audit policy of the MCP lets them be seen.

    Example: ambassador-admin approval show 3f9a1c
    """
    admin.output.record(DETAIL, admin.api.fetch(approvals.show(_whole(admin, request_id))))


@verb(app, "approve", changes=True)
def approve(
    admin: Invocation,
    request_id: RequestId,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; the user who asked sees it.")
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="For a shorter time than was asked for: 5m, 1h."),
    ] = None,
) -> None:
    """Approve a request: one call with these arguments, or access for some time. Nobody approves their own.

    Example: ambassador-admin approval approve 3f9a1c --reason "checked"
    """
    decision = RequestDecision(reason=reason, for_seconds=parse_duration(valid))
    admin.submit(approvals.decide(_whole(admin, request_id), "approve", decision), DETAIL)


@verb(app, "deny", changes=True)
def deny(
    admin: Invocation,
    request_id: RequestId,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; the user who asked sees it.")
    ] = None,
) -> None:
    """Deny a request; the same call is not asked for again for ten minutes.

    Example: ambassador-admin approval deny 3f9a1c --reason "not on a Friday"
    """
    decision = RequestDecision(reason=reason)
    admin.submit(approvals.decide(_whole(admin, request_id), "deny", decision), DETAIL)


@verb(app, "watch")
def watch(
    admin: Invocation,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="DURATION",
            help=f"How often to look; by default {_SECONDS}s.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show each request that waits, and new ones as they come, until Ctrl-C; JSON lines when stdout is no terminal.

    Example: ambassador-admin approval watch -o jsonl
    """
    seconds = parse_duration(every, "--every") or _SECONDS
    admin.output.set_pipe_format(Format.JSONL)
    stream, shown, is_lost = admin.output.stream(REQUEST), set[str](), False
    while True:
        try:
            waiting = list(admin.api.items(approvals.pending()))
        except UnreachableError as error:
            if not is_lost:
                admin.output.warn(f"{error.message} Trying again.")
            is_lost = True
        else:
            is_lost = False
            stream.show([each for each in reversed(waiting) if str(each.get("id")) not in shown])
            # Those that wait no longer are forgotten, so that this does not grow.
            shown = {str(each.get("id")) for each in waiting}
        time.sleep(seconds)


def _whole(admin: Invocation, request_id: str) -> str:
    return admin.resolve_id(approvals.list_all(), request_id)
