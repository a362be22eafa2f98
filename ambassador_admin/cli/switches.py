"""The `kill` commands: kill switches, which refuse calls from the next one on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.api import client_keys, sessions, switches
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.cli.several import submit_each
from ambassador_admin.cli.unmatched import AllowUnmatched, warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Column, fields_of, plain, relative_time
from ambassador_protocol.admin.switches import ImpactView, NewSwitch, SwitchView

_NAMES_SHOWN = 10

SWITCH = View(
    "kill switches",
    (
        Column("ID", "id", id=True),
        Column("SCOPE", "scope"),
        Column("TARGET", "target"),
        Column("ACTIVE", "active"),
        Column("DRILL", "drill"),
        Column("REASON", "reason"),
        Column("MESSAGE", "message", wide=True),
        Column("BY", "author", wide=True),
        Column("SINCE", "created_at", relative_time),
        Column("EXPIRES", "expires_at", relative_time),
        Column("LIFTED", "lifted_at", relative_time, wide=True),
        Column("LIFTED BY", "lifted_by", wide=True),
    ),
    fields_of(SwitchView),
)


def _hits(value: Any, now: datetime) -> str:
    """Format the number of objects and the first ten names."""
    if value is None:
        return plain(value, now)
    names = value["first"][:_NAMES_SHOWN]
    more = value["count"] - len(names)
    listed = printable(", ".join(names)) + (f" and {more} more" if more else "")
    return f"{value['count']}: {listed}" if names else "none"


DETAIL = View(
    SWITCH.plural,
    (
        *SWITCH.columns,
        Column("USERS AFFECTED", "impact.users", _hits),
        Column("MCPS AFFECTED", "impact.mcps", _hits),
        Column("TOOLS AFFECTED", "impact.tools", _hits),
        Column("RESOURCES AFFECTED", "impact.resources", _hits),
        Column("PROMPTS AFFECTED", "impact.prompts", _hits),
        Column("SESSIONS STOPPED", "impact.sessions"),
        Column("TOKEN CLIENTS STOPPED", "impact.token_clients"),
        Column("CALLS STOPPED", "impact.calls"),
    ),
    (*SWITCH.fields, *fields_of(ImpactView, "impact.")),
)

_SCOPES = {
    "user": ("USER", "Stop one user.", "alice --reason 'lost laptop'"),
    "group": ("GROUP", "Stop every member of a group.", "trainees --reason 'exam week' --for 7d"),
    "key": (
        "KEY",
        "Stop one client key, by its id or the beginning of it, and the keys that replaced it.",
        "0198c0de --reason 'posted in a chat'",
    ),
    "session": (
        "SESSION",
        "Stop one client process, by its session's id or the beginning of it.",
        "0198c0de --reason 'runs in a loop'",
    ),
    "mcp": ("MCP", "Stop every call to one MCP.", "time --reason 'incident 42' --for 2h"),
    "tool": (
        "TOOL",
        "Stop one tool everywhere, by its name as `mcp.tool`.",
        "time.convert_time --reason 'bug 42'",
    ),
    "tool-class": (
        "CLASS",
        "Stop every tool of a class: read-only, write or destructive.",
        "destructive --reason freeze",
    ),
}

_KINDS = {
    kind.value: kind for kind in (NameKind.USER, NameKind.GROUP, NameKind.KEY, NameKind.SESSION, NameKind.MCP)
}
_WITH_ID = {"key": client_keys.list_all(user=None), "session": sessions.list_all(user=None)}

app = noun("Kill switches: stop calls at once, and lift the stop.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOptions:
    """The options of every kill switch."""

    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the audit.")]
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire after 30m, 2h, …")
    ] = None
    message: Annotated[
        str | None, typer.Option("--message", metavar="TEXT", help="The message that stopped users get.")
    ] = None
    drill: Annotated[bool, typer.Option("--drill", help="Record the switch without stopping anything.")] = (
        False
    )


@verb(app, "everyone", destroys=True)
def kill_everyone(admin: Invocation, switch_options: SwitchOptions) -> None:
    """Stop every call of every user.

    Example: ambassador-admin kill everyone --reason 'incident 42' --for 30m
    """
    if not switch_options.drill:
        admin.confirm("Stop every call of every user?")
    _activate(admin, "everyone", None, switch_options)


def _register_scope(scope: str, metavar: str, help: str) -> None:
    def kill(
        admin: Invocation,
        target: Annotated[str, typer.Argument(metavar=metavar, help="What to stop."), _KINDS.get(scope)],
        switch_options: SwitchOptions,
    ) -> None:
        if scope in _WITH_ID:
            target = admin.resolve_id(_WITH_ID[scope], target)
        _activate(admin, scope.replace("-", "_"), target, switch_options)

    def kill_tool(
        admin: Invocation,
        target: Annotated[str, typer.Argument(metavar=metavar, help="What to stop.")],
        switch_options: SwitchOptions,
        allow_unmatched: AllowUnmatched = False,
    ) -> None:
        _activate(admin, scope, target, switch_options, allow_unmatched=allow_unmatched)

    command = kill_tool if scope == "tool" else kill
    command.__doc__ = help
    verb(app, scope, changes=True)(command)


for _scope, (_metavar, _help, _example) in _SCOPES.items():
    _register_scope(_scope, _metavar, f"{_help}\n\nExample: ambassador-admin kill {_scope} {_example}")


@verb(app, "show", watch=True)
def show(
    admin: Invocation,
    switch_id: Annotated[
        str, typer.Argument(metavar="ID", help="The switch's id, or its beginning."), NameKind.SWITCH
    ],
) -> None:
    """Show a kill switch and its impact; for a drill or an ended one, the impact it would have if it were in force.

    Example: ambassador-admin kill show 0198c0de
    """
    admin.show_one(switches.show(admin.resolve_id(switches.list_all(lifted=True), switch_id)), DETAIL)


@verb(app, "list", watch=True)
def list_all(
    admin: Invocation,
    list_options: ListOptions,
    lifted: Annotated[
        bool, typer.Option("--all", help="Also those that were lifted or have expired.")
    ] = False,
) -> None:
    """List the kill switches that are in force, and the drills.

    Example: ambassador-admin kill list --filter active=true
    """
    list_options.show(admin, switches.list_all(lifted=lifted), SWITCH)


@verb(app, "lift", changes=True)
def lift(
    admin: Invocation,
    switch_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="The switches' ids, or their beginnings."),
        NameKind.SWITCH,
    ],
) -> None:
    """Lift kill switches at once.

    Example: ambassador-admin kill lift 0198c0de
    """
    submit_each(admin, admin.resolve_ids(switches.list_all(lifted=True), switch_ids), switches.lift, SWITCH)


def _activate(
    admin: Invocation,
    scope: str,
    target: str | None,
    switch_options: SwitchOptions,
    *,
    allow_unmatched: bool = False,
) -> None:
    switch = NewSwitch(
        scope=scope,
        target=target,
        reason=switch_options.reason,
        message=switch_options.message,
        expires_in_seconds=parse_duration(switch_options.duration),
        drill=switch_options.drill,
        allow_unmatched=allow_unmatched or None,
    )
    activated = admin.submit(switches.activate(switch), DETAIL)
    if activated is None:
        return
    warn_of(admin, activated)
    if switch_options.drill:
        admin.output.say("This is a drill: it stops nothing and shows the impact that the switch would have.")
    else:
        admin.output.advise(f"To end the stop: ambassador-admin kill lift {activated.get('id')}")
