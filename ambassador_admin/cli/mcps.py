"""`mcp`: the catalog of downstream MCP servers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from ambassador_admin.api import mcps
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.listing import Rows
from ambassador_admin.cli.values import pairs
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, duration, fields_of, when
from ambassador_protocol.admin.mcps import McpView, NewMcp, OutputView, ToolView

MCP = View(
    "MCPs",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("STATE", "state", status=True),
        Column("TOOLS", "tools"),
        Column("TRANSPORT", "transport"),
        Column("DISPLAY NAME", "display_name", wide=True),
        Column("DESCRIPTION", "description", wide=True),
        Column("OPTIONS", "options", wide=True),
        Column("TAGS", "tags", wide=True),
        Column("ARGUMENTS", "arguments", wide=True),
        Column("TIMEOUT", "call_timeout_seconds", duration, wide=True),
        Column("ISOLATION", "isolation", wide=True),
        Column("CREATED", "created_at", when, wide=True),
        Column("ERROR", "error"),
    ),
    fields_of(McpView),
)
HEALTH = View(
    "MCPs",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("STATE", "state", status=True),
        Column("TOOLS", "tools"),
        Column("ISOLATION", "isolation"),
        Column("CONNECTIONS", "connections"),
        Column("IN FLIGHT", "calls_in_flight"),
        Column("RESTARTS", "restarts"),
        Column("ERROR", "error"),
    ),
    MCP.fields,
)
OUTPUT = View(
    "lines of output",
    (Column("USER", "user", whole=True), Column("LINE", "text", whole=True)),
    fields_of(OutputView),
)
TOOL = View(
    "tools",
    (
        Column("NAME", "name", whole=True),
        Column("CLASS", "tool_class"),
        Column("PUBLISHED AS", "published_as", wide=True),
        Column("DESCRIPTION", "description"),
    ),
    fields_of(ToolView),
)

_REFERENCES = ("env://", "file://")
_SECRET_NAME = re.compile(
    r"token|secret|passw|credential|auth|cookie|api[-_]?key|private|access[-_]?key", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"(?:bearer |basic )|gh[pousr]_|github_pat_|sk-|xox[abprs]-|AKIA|eyJ|glpat-|amb_[a-z]k_|-----BEGIN",
    re.IGNORECASE,
)

app = noun("The catalog of downstream MCP servers.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The MCP's name.")]


class Arguments(StrEnum):
    """How much of a call's arguments the audit keeps."""

    NONE = "none"
    KEYS = "keys"
    REDACTED = "redacted"
    FULL = "full"


class Isolation(StrEnum):
    """Whether the users share one connection."""

    SHARED = "shared"
    PER_USER = "per-user"

    @property
    def wire(self) -> str:
        """Return the server's word."""
        return self.value.replace("-", "_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What can be said of an MCP besides its name and command."""

    transport: Annotated[
        str | None,
        typer.Option(
            "--transport", metavar="WORD", help="stdio or streamable_http; follows from what else is given."
        ),
    ] = None
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The MCP's endpoint.")] = None
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", help="A header of every request; may be repeated."),
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="NAME=VALUE", help="A variable of the process; may be repeated."),
    ] = None
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="For people.")
    ] = None
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is for.")] = ""
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="WORD", help="A tag; may be repeated.")
    ] = None
    arguments: Annotated[
        Arguments, typer.Option("--arguments", help="What the audit keeps of a call's arguments.")
    ] = Arguments.REDACTED
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="The deadline of one call.")
    ] = 60.0
    isolation: Annotated[
        Isolation,
        typer.Option("--isolation", help="Whether the users share one connection, or each has one."),
    ] = Isolation.SHARED

    def options(self, command: list[str]) -> dict[str, Any]:
        """Return the options of the transport; raises UsageError unless they describe exactly one."""
        if (self.url is None) == (not command):
            raise UsageError(
                "An MCP is either a command or a URL.",
                hint="ambassador-admin mcp add NAME -- COMMAND ARG…, or --url URL",
            )
        headers, env = pairs(self.header or [], "--header"), pairs(self.env or [], "--env")
        if self.url is not None:
            if env:
                raise UsageError("--env is for a command; a URL takes --header.")
            return {"url": self.url} | ({"headers": headers} if headers else {})
        if headers:
            raise UsageError("--header is for a URL; a command takes --env.")
        return {"command": command[0], "args": command[1:]} | ({"env": env} if env else {})


@verb(app, "add", changes=True)
def add(
    admin: AdminContext,
    name: Name,
    entry: Entry,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND ARG", help="What the server starts, for stdio."),
    ] = None,
) -> None:
    """Add an MCP to the catalog, as a draft.

    For a secret in --env or --header write env://NAME or file:///PATH: the server resolves it when it connects.

    Example: ambassador-admin mcp add time -- uvx mcp-server-time
    """
    options = entry.options(command or [])
    for option, given in (("--header", options.get("headers", {})), ("--env", options.get("env", {}))):
        for risk in _risks(option, given):
            admin.output.warn(risk)
    mcp = NewMcp(
        name=name,
        transport=entry.transport or ("stdio" if command else "streamable_http"),
        options=options,
        display_name=entry.display_name,
        description=entry.description,
        tags=entry.tag or [],
        arguments=entry.arguments,
        call_timeout_seconds=entry.timeout,
        isolation=entry.isolation.wire,
    )
    if admin.submit(mcps.add(mcp), MCP):
        admin.output.advise(f"It is a draft and serves nobody yet. Next: ambassador-admin mcp publish {name}")


@verb(app, "list")
def list_all(admin: AdminContext, rows: Rows) -> None:
    """List the catalog.

    Example: ambassador-admin mcp list --filter tag=demo -o wide
    """
    rows.show(admin, mcps.every(), MCP)


@verb(app, "show")
def show(admin: AdminContext, name: Name) -> None:
    """Show one MCP and the state of its connection.

    Example: ambassador-admin mcp show time
    """
    admin.show_one(mcps.one(name), MCP)


@verb(app, "publish", changes=True)
def publish(admin: AdminContext, name: Name) -> None:
    """Let an MCP serve those who have a grant.

    Example: ambassador-admin mcp publish time
    """
    if admin.submit(mcps.publish(name), MCP):
        admin.output.advise(
            f"Nobody may call it without a grant. Next: ambassador-admin grant add GROUP {name}"
        )


@verb(app, "test")
def test(admin: AdminContext, name: Name) -> None:
    """Connect to an MCP apart from the running one and list what it offers; nothing changes.

    Example: ambassador-admin mcp test time
    """
    answer = admin.api.fetch(mcps.test(name))
    admin.output.rows(TOOL, answer["items"])


@verb(app, "archive", destroys=True)
def archive(admin: AdminContext, name: Name) -> None:
    """Take an MCP out of service; its tools are gone from the next call on, `publish` brings them back.

    Example: ambassador-admin mcp archive time
    """
    admin.confirm(f"Archive MCP {name}?")
    admin.submit(mcps.archive(name), MCP)


@verb(app, "remove", destroys=True)
def remove(admin: AdminContext, name: Name) -> None:
    """Delete an MCP that is not published, with its grants.

    Example: ambassador-admin mcp remove time
    """
    admin.confirm(f"Remove MCP {name} and its grants for good?")
    admin.discard(mcps.remove(name), f"Removed MCP {name}.")


@verb(app, "restart", changes=True)
def restart(admin: AdminContext, name: Name) -> None:
    """Stop and start the connections to an MCP; calls in flight fail, users' own start with their next call.

    Example: ambassador-admin mcp restart time
    """
    admin.submit(mcps.restart(name), HEALTH)


@verb(app, "status")
def status(
    admin: AdminContext,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this MCP.")] = None,
) -> None:
    """Show how the MCPs are: their state, open connections, calls in flight and attempts to connect again.

    Example: ambassador-admin mcp status
    """
    if name is None:
        admin.show_list(mcps.every(), HEALTH)
    else:
        admin.show_one(mcps.one(name), HEALTH)


@verb(app, "logs")
def logs(
    admin: AdminContext,
    name: Name,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=1, help="The last N of each connection.")
    ] = 50,
) -> None:
    """Show what an MCP wrote lately that is not MCP, such as its stderr; oldest first, secrets are masked.

    Example: ambassador-admin mcp logs time --lines 10
    """
    admin.output.rows(OUTPUT, admin.api.fetch(mcps.logs(name, lines))["items"])


@verb(app, "tools")
def tools(admin: AdminContext, name: Name, rows: Rows) -> None:
    """List the tools of an MCP.

    Example: ambassador-admin mcp tools time --fields name,tool_class
    """
    rows.show(admin, mcps.tools(name), TOOL)


def _risks(option: str, given: Mapping[str, str]) -> Iterator[str]:
    for name, value in given.items():
        if value.startswith(_REFERENCES):
            continue
        if any(reference in value for reference in _REFERENCES):
            yield f"{option} {name}: a reference is resolved only where it is the whole value."
        elif _SECRET_NAME.search(name) or _SECRET_VALUE.match(value):
            yield (
                f"{option} {name} looks like a secret in plain text; the catalog and your shell's history keep it. "
                f"Write {option} {name}=env://NAME or file:///PATH, which the server resolves."
            )
