"""The `limit` commands: how much may be called, by whom and of what."""

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from ambassador_admin.api import client_keys, limits
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.cli.unmatched import AllowUnmatched, warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.limits import LimitCounterView, LimitPut, LimitView

LIMIT = View(
    "limits",
    (
        Column("NAME", "name", id=True),
        Column("SCOPE", "scope"),
        Column("TARGET", "target"),
        Column("MEASURE", "measure"),
        Column("VALUE", "value"),
        Column("BURST", "burst"),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
        Column("UPDATED", "updated_at", relative_time, wide=True),
        Column("ID", "id", wide=True),
    ),
    fields_of(LimitView),
)
COUNTER = View(
    "counters",
    (
        Column("LIMIT", "limit", id=True),
        Column("SCOPE", "scope"),
        Column("TARGET", "target"),
        Column("MEASURE", "measure"),
        Column("USER", "user"),
        Column("USED", "used"),
        Column("OF", "most"),
        Column("%", "percent"),
    ),
    fields_of(LimitCounterView),
)

_HELP = "ambassador-admin limit set --help"

app = noun("Limits: how much may be called, by whom and of what.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The limit's name."), NameKind.LIMIT]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The limits' names."), NameKind.LIMIT]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a limit is about; one of them is given."""

    tool: Annotated[
        str | None,
        typer.Option("--tool", metavar="TOOL", help="One tool, as mcp.tool; all users together."),
    ] = None
    mcp: Annotated[
        str | None, typer.Option("--mcp", metavar="MCP", help="One MCP; all users together."), NameKind.MCP
    ] = None
    tool_class: Annotated[
        str | None,
        typer.Option(
            "--tool-class",
            metavar="CLASS",
            help="Every tool of a class: read-only, write or destructive; all users together.",
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="One client key, by its id or its beginning, with the keys that replace it.",
        ),
        NameKind.KEY,
    ] = None
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="One user, with all keys."), NameKind.USER
    ] = None
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="GROUP", help="Each member of a group."),
        NameKind.GROUP,
    ] = None
    everyone: Annotated[bool, typer.Option("--everyone", help="Each user.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a limit allows; one of them is given, and a burst only with calls per minute."""

    calls_per_minute: Annotated[
        int | None, typer.Option("--calls-per-minute", metavar="N", min=1, help="Calls a minute.")
    ] = None
    burst: Annotated[
        int | None,
        typer.Option(
            "--burst", metavar="N", min=1, help="How many may come at once. Default: those of a minute."
        ),
    ] = None
    calls_per_day: Annotated[
        int | None,
        typer.Option("--calls-per-day", metavar="N", min=1, help="Calls a day, which begins at 00:00 UTC."),
    ] = None
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", metavar="N", min=1, help="Calls that run at the same time.")
    ] = None
    argument_bytes: Annotated[
        int | None,
        typer.Option("--argument-bytes", metavar="N", min=1, help="Bytes of the arguments of a call."),
    ] = None
    result_bytes: Annotated[
        int | None, typer.Option("--result-bytes", metavar="N", min=1, help="Bytes of the result of a call.")
    ] = None


@verb(app, "set", changes=True)
def put(
    admin: Invocation,
    name: Name,
    about: About,
    bound: Bound,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns the limit."
        ),
    ] = None,
    allow_unmatched: AllowUnmatched = False,
) -> None:
    """Create a limit, or replace the one of this name; it holds from the next call on.

    Say what it is about, such as --user, and what it allows, such as --calls-per-minute.

    Example: ambassador-admin limit set calm --user alice --calls-per-minute 60
    """
    scope, target = _about(admin, about)
    measure, value = _bound(bound)
    limit = LimitPut(
        scope=scope,
        target=target,
        measure=measure,
        value=value,
        burst=bound.burst,
        owner=owner,
        allow_unmatched=allow_unmatched or None,
    )
    warn_of(admin, admin.submit(limits.put(name, limit), LIMIT))


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the limits.

    Example: ambassador-admin limit list --filter scope=user
    """
    list_options.show(admin, limits.list_all(), LIMIT)


@verb(app, "show", watch=True)
def show(admin: Invocation, name: Name) -> None:
    """Show a limit.

    Example: ambassador-admin limit show careful
    """
    admin.show_one(limits.show(name), LIMIT)


@verb(app, "remove", destroys=True)
def remove(admin: Invocation, names: Names) -> None:
    """Remove limits; the next call is made without them.

    Example: ambassador-admin limit remove careful
    """
    admin.confirm(f"Remove limit {listed(names)}?")
    send_each(admin, names, limits.remove, lambda name: f"Removed limit {name}.")


@verb(app, "top", watch=True)
def top(
    admin: Invocation,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many counters to show.")
    ] = 20,
) -> None:
    """Show the counters that are the fullest now, on the server that answers; each server counts for itself.

    Example: ambassador-admin limit top --watch
    """
    admin.show_list(limits.fullest(), COUNTER, limit=limit)


def _about(admin: Invocation, about: About) -> tuple[str, str | None]:
    """Return scope and target."""
    given = {each.name: getattr(about, each.name) for each in fields(about)}
    chosen = {scope: target for scope, target in given.items() if target not in (None, False)}
    if len(chosen) != 1:
        raise UsageError(f"A limit is about one thing: give one of {_options(given)}.", hint=_HELP)
    ((scope, target),) = chosen.items()
    if scope == "key":
        return scope, admin.resolve_id(client_keys.list_all(user=None), target)
    return scope, None if scope == "everyone" else target


def _bound(bound: Bound) -> tuple[str, int]:
    """Return measure and value."""
    given = {each.name: getattr(bound, each.name) for each in fields(bound) if each.name != "burst"}
    chosen = {measure: value for measure, value in given.items() if value is not None}
    if len(chosen) != 1:
        raise UsageError(f"A limit allows one thing: give one of {_options(given)}.", hint=_HELP)
    if bound.burst is not None and "calls_per_minute" not in chosen:
        raise UsageError("--burst goes with --calls-per-minute alone.", hint=_HELP)
    ((measure, value),) = chosen.items()
    return measure, value


def _options(names: dict[str, object]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
