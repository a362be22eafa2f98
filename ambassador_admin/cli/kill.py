"""`kill`: stops that bite on the next call, everywhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.api import keys, mcps, sessions, switches
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import Rows
from ambassador_admin.cli.parsing import seconds
from ambassador_admin.completion.kinds import Kind
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import AdminError
from ambassador_admin.output import View
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Column, fields_of, plain, when
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
        Column("SINCE", "created_at", when),
        Column("EXPIRES", "expires_at", when),
        Column("LIFTED", "lifted_at", when, wide=True),
        Column("LIFTED BY", "lifted_by", wide=True),
    ),
    fields_of(SwitchView),
)


def _hits(value: Any, now: datetime) -> str:
    """Show how many there are and as many of their names as a person reads."""
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
        Column("USERS HIT", "impact.users", _hits),
        Column("MCPS HIT", "impact.mcps", _hits),
        Column("TOOLS HIT", "impact.tools", _hits),
        Column("SESSIONS STOPPED", "impact.sessions"),
        Column("CALLS STOPPED", "impact.calls"),
    ),
    (*SWITCH.fields, *fields_of(ImpactView, "impact.")),
)

_SCOPES = {
    "user": ("USER", "Stop one user.", "alice --reason 'lost laptop'"),
    "group": ("GROUP", "Stop every member of a group.", "trainees --reason 'exam week' --for 7d"),
    "key": (
        "KEY",
        "Stop one client key, by its id or its beginning.",
        "0198c0de --reason 'posted in a chat'",
    ),
    "session": (
        "SESSION",
        "Stop one client process, by its id or its beginning.",
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

_KINDS = {kind.value: kind for kind in (Kind.USER, Kind.GROUP, Kind.KEY, Kind.SESSION, Kind.MCP)}
_WITH_ID = {"key": keys.every(user=None), "session": sessions.every(user=None)}

app = noun("Stop calls at once, and lift the stop again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What can be said of any stop."""

    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit.")]
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Lift by itself after 30m, 2h, …")
    ] = None
    message: Annotated[
        str | None, typer.Option("--message", metavar="TEXT", help="What stopped users are told.")
    ] = None
    drill: Annotated[bool, typer.Option("--drill", help="Record the switch, stop nothing.")] = False


@verb(app, "everyone", destroys=True)
def kill_everyone(admin: AdminContext, stop: Stop) -> None:
    """Stop every call of every user.

    Example: ambassador-admin kill everyone --reason 'incident 42' --for 30m
    """
    if not stop.drill:
        admin.confirm("Stop every call of every user?")
    _activate(admin, "everyone", None, stop)


def _offer(scope: str, metavar: str, help: str) -> None:
    def kill(
        admin: AdminContext,
        target: Annotated[str, typer.Argument(metavar=metavar, help="What to stop."), _KINDS.get(scope)],
        stop: Stop,
    ) -> None:
        if scope in _WITH_ID:
            target = admin.full_id(_WITH_ID[scope], target)
        _activate(admin, scope.replace("-", "_"), target, stop)

    kill.__doc__ = help
    verb(app, scope, changes=True)(kill)


for _scope, (_metavar, _help, _example) in _SCOPES.items():
    _offer(_scope, _metavar, f"{_help}\n\nExample: ambassador-admin kill {_scope} {_example}")


@verb(app, "show")
def show(
    admin: AdminContext,
    switch_id: Annotated[
        str, typer.Argument(metavar="ID", help="The switch's id, or its beginning."), Kind.SWITCH
    ],
) -> None:
    """Show a kill switch and what it hits; for a drill, or one that is over, what it would hit if it were in force.

    Example: ambassador-admin kill show 0198c0de
    """
    admin.show_one(switches.show(admin.full_id(switches.every(lifted=True), switch_id)), DETAIL)


@verb(app, "list")
def list_all(
    admin: AdminContext,
    rows: Rows,
    lifted: Annotated[bool, typer.Option("--all", help="Also those lifted or run out.")] = False,
) -> None:
    """List the kill switches that are in force.

    Example: ambassador-admin kill list --all
    """
    rows.show(admin, switches.every(lifted=lifted), SWITCH)


@verb(app, "lift", changes=True)
def lift(
    admin: AdminContext,
    switch_id: Annotated[
        str, typer.Argument(metavar="ID", help="The switch's id, or its beginning."), Kind.SWITCH
    ],
) -> None:
    """End a stop at once.

    Example: ambassador-admin kill lift 0198c0de
    """
    admin.submit(switches.lift(admin.full_id(switches.every(lifted=True), switch_id)), SWITCH)


def _activate(admin: AdminContext, scope: str, target: str | None, stop: Stop) -> None:
    switch = NewSwitch(
        scope=scope,
        target=target,
        reason=stop.reason,
        message=stop.message,
        expires_in_seconds=seconds(stop.duration),
        drill=stop.drill,
    )
    activated = admin.submit(switches.activate(switch), DETAIL)
    if activated is None:
        return
    if scope == "tool":
        _warn_of_unknown_tool(admin, str(activated.get("target")))
    if stop.drill:
        admin.output.say("This is a drill: it stops nothing, and shows what the switch would hit.")
    else:
        admin.output.advise(f"To end the stop: ambassador-admin kill lift {activated.get('id')}")


def _warn_of_unknown_tool(admin: AdminContext, tool: str) -> None:
    # A tool can be stopped while its MCP is away, so the server takes any name: a slip would stop nothing.
    try:
        known = {item.get("name") for item in admin.api.items(mcps.tools(tool.partition(".")[0]))}
    except AdminError:
        return  # the stop stands, and is all that was asked for
    if tool not in known:
        admin.output.warn(
            f"No MCP offers {tool!r} at present; the stop holds for a tool of exactly that name."
        )
