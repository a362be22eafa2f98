"""The commands `request`: what waits for the decision of another person, and what the user decides for others."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.durations import seconds_of
from ambassador_client.cli.output import is_for_programs, show, show_rows
from ambassador_client.errors import BadAnswerError, ServerRefusedError, UsageError
from ambassador_protocol.paths import OWN_REQUESTS

_Id = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]
_Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; the user who asked sees it.")
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("Requests that another person decides: yours, and those that you decide.")
    command(group, "access", access, changes=True)
    command(group, "list", list_all)
    command(group, "show", show_one)
    command(group, "cancel", cancel, changes=True)
    command(group, "approve", approve, changes=True)
    command(group, "deny", deny, changes=True)
    app.add_typer(group, name="request")


def access(
    run: Run,
    name: Annotated[
        str,
        typer.Argument(metavar="MCP[.TOOL]", help="The MCP, or one tool of it, such as time.convert_time."),
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why you need it; who decides reads it.")
    ],
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="For how long: 30m, 8h, 7d.")
    ] = "8h",
) -> int:
    """Ask for access to an MCP, or to one tool of it, for some time; an administrator decides.

    The answer does not tell whether it exists. Asking again for the same shows the request that waits.

    Example: ambassador-client request access time --reason "incident 7" --for 8h
    """
    body = {"access": name, "reason": reason, "for_seconds": seconds_of(duration)}
    try:
        asked = run.server.request("POST", OWN_REQUESTS, body)
    except ServerRefusedError as error:
        if error.status != 400:
            raise
        raise UsageError(error.cause, "Run: ambassador-client request access --help") from None
    _show(run, asked)
    return 0


def list_all(
    run: Run,
    to_decide: Annotated[
        bool, typer.Option("--to-decide", help="Those that you decide as a member of a group of approvers.")
    ] = False,
) -> int:
    """List your requests, newest first, or those that wait for your decision.

    Example: ambassador-client request list --to-decide
    """
    path = f"{OWN_REQUESTS}?to_decide=true" if to_decide else OWN_REQUESTS
    found = run.server.request("GET", path).get("requests")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadAnswerError("the server's list of requests cannot be read")
    if is_for_programs(run.output):
        show_rows(found, run.output)
    elif found:
        show_rows([_row(each) for each in found], run.output)
    else:
        run.say("No request waits for your decision." if to_decide else "You have no requests.")
    return 0


def show_one(run: Run, request_id: _Id) -> int:
    """Show a request of yours, or one that you decide, with what it asks for.

    Example: ambassador-client request show 3f9a1c0b7d2e
    """
    _show(run, run.server.request("GET", _path(request_id)))
    return 0


def cancel(run: Run, request_id: _Id) -> int:
    """Cancel a request of yours, also one that is approved and was not used.

    Example: ambassador-client request cancel 3f9a1c0b7d2e
    """
    _show(run, run.server.request("POST", _path(request_id, "cancel")))
    return 0


def approve(run: Run, request_id: _Id, reason: _Reason = None) -> int:
    """Approve the request of another user, as a member of the group that decides it.

    Example: ambassador-client request approve 3f9a1c0b7d2e --reason "checked"
    """
    _show(run, run.server.request("POST", _path(request_id, "approve"), _decision(reason)))
    return 0


def deny(run: Run, request_id: _Id, reason: _Reason = None) -> int:
    """Deny the request of another user, as a member of the group that decides it.

    Example: ambassador-client request deny 3f9a1c0b7d2e --reason "not today"
    """
    _show(run, run.server.request("POST", _path(request_id, "deny"), _decision(reason)))
    return 0


def _decision(reason: str | None) -> dict[str, Any]:
    return {} if reason is None else {"reason": reason}


def _path(request_id: str, *action: str) -> str:
    return "/".join((OWN_REQUESTS, quote(request_id, safe=""), *action))


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": found.get("id"),
        "status": found.get("status"),
        "user": found.get("user"),
        "wants": found.get("capability") or found.get("mcp"),
        "decides": _decides(found),
        "until": found.get("expires_at") or found.get("access_until"),
    }


def _show(run: Run, found: Mapping[str, Any]) -> None:
    if is_for_programs(run.output):
        show(found, run.output)
        return
    said = {
        "key": found.get("key"),
        "reason": found.get("reason"),
        "decided_by": found.get("decided_by"),
        "decision_reason": found.get("decision_reason"),
        "used_at": found.get("used_at"),
        "valid_seconds": found.get("valid_seconds"),
        # A request for access has none.
        "content": json.dumps(found["content"], ensure_ascii=True) if found.get("content") else None,
    }
    show({**_row(found), **{k: v for k, v in said.items() if v is not None}}, run.output)


def _decides(found: Mapping[str, Any]) -> str:
    approvers = found.get("approvers")
    return "administrators" if approvers is None else f"group {approvers}"
