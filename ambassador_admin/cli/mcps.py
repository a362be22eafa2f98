"""The `mcp` commands: the catalog of downstream MCP servers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer

from ambassador_admin.api import grants, mcps
from ambassador_admin.api.request import Request
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.findings import warn_of_findings
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.mcp_options import McpOptions, secret_warnings
from ambassador_admin.cli.one_time_values import OneTime, one_time_values
from ambassador_admin.cli.several import listed, send_each, submit_all, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, duration, fields_of, plain, relative_time
from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.admin.mcps import McpPut, McpView, NewMcp, OutputView, ToolView


def _or_setting(value: Any, now: datetime) -> str:
    """Format a number that is 0 where the setting of the server holds."""
    return "of the server" if value == 0 else plain(value, now)


def _seconds_or_setting(value: Any, now: datetime) -> str:
    """Format a number of seconds, likewise."""
    return _or_setting(value, now) if value == 0 else duration(value, now)


MCP = View(
    "MCPs",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("STATE", "state", status=True),
        Column("TOOLS", "tools"),
        Column("RESOURCES", "resources", wide=True),
        Column("PROMPTS", "prompts", wide=True),
        Column("WAITING", "waiting"),
        Column("TRANSPORT", "transport"),
        Column("SANDBOX", "sandbox"),
        Column("DISPLAY NAME", "display_name", wide=True),
        Column("DESCRIPTION", "description", wide=True),
        Column("OPTIONS", "options", wide=True),
        Column("TAGS", "tags", wide=True),
        Column("ARGUMENTS", "arguments", wide=True),
        Column("TIMEOUT", "call_timeout_seconds", duration, wide=True),
        Column("MAX IN FLIGHT", "max_in_flight", wide=True),
        Column("BREAKER FAILURES", "breaker_failures", _or_setting, wide=True),
        Column("GRACE", "grace_seconds", _seconds_or_setting, wide=True),
        Column("ISOLATION", "isolation", wide=True),
        Column("PIN", "pin", wide=True),
        Column("PREFIX", "prefixed", wide=True),
        Column("SESSIONS", "sessions", wide=True),
        Column("BROADCAST", "broadcast", wide=True),
        Column("CREDENTIALS", "credentials", wide=True),
        Column("TRANSFORMS", "transforms", wide=True),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BREAKER", "breaker", wide=True),
        Column("NEXT PROBE", "next_probe_at", relative_time, wide=True),
        Column("WITHDRAWN", "withdrawn", wide=True),
        Column("ERROR", "error"),
        Column("LAST ERROR", "last_error", wide=True),
        Column("FAILED", "last_error_at", relative_time, wide=True),
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
        Column("WAITING", "waiting"),
        Column("ISOLATION", "isolation"),
        Column("BREAKER", "breaker"),
        Column("NEXT PROBE", "next_probe_at", relative_time),
        Column("CONNECTIONS", "connections"),
        Column("IN FLIGHT", "calls_in_flight"),
        Column("MAX IN FLIGHT", "max_in_flight", wide=True),
        Column("BREAKER FAILURES", "breaker_failures", _or_setting, wide=True),
        Column("GRACE", "grace_seconds", _seconds_or_setting, wide=True),
        Column("RESTARTS", "restarts"),
        Column("ERROR", "error"),
    ),
    MCP.fields,
)
OUTPUT = View(
    "lines of output",
    (Column("USER", "user", whole=True), Column("LINE", "text", wraps=True)),
    fields_of(OutputView),
)
TOOL = View(
    "tools",
    (
        Column("NAME", "pattern", whole=True),
        Column("CLASS", "tool_class"),
        Column("APPROVAL", "approval"),
        Column("CHANGED", "changed"),
        Column("HIDDEN", "hidden", wide=True),
        Column("OWN NAME", "own_name", wide=True),
        Column("OWN CLASS", "own_tool_class", wide=True),
        Column("PUBLISHED AS", "published_as", wide=True),
        Column("BROADCAST AS", "broadcast_as", wide=True),
        Column("NOT BROADCAST", "not_broadcast", wide=True),
        Column("DESCRIPTION", "description"),
    ),
    fields_of(ToolView),
)

app = noun("The catalog of downstream MCP servers.")

NewName = Annotated[str, typer.Argument(metavar="NAME", help="The MCP's name.")]
Name = Annotated[NewName, NameKind.MCP]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The MCPs' names."), NameKind.MCP]

Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND ARG", help="The command that the server starts, for stdio."),
]


@verb(app, "add", changes=True)
def add(
    admin: Invocation,
    name: NewName,
    described: McpOptions,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish it at once, with the tools that it offers now.")
    ] = False,
    grant: Annotated[
        list[str] | None,
        typer.Option("--grant", metavar="GROUP", help="Permit this group all its tools. May be repeated."),
        NameKind.GROUP,
    ] = None,
    command: Command = None,
) -> None:
    """Add an MCP to the catalog as a draft, or with --publish for use.

    Write a secret in --env or --header as env://NAME or file:///PATH; the server resolves it when it connects.

    Example: ambassador-admin mcp add time --publish --grant devs -- mcp-time
    """
    transport, options = described.transport_and_options(command or [])
    _warn(admin, options)
    mcp = NewMcp(name=name, transport=transport, options=options, **described.attributes())
    requests = [mcps.add(mcp), *([mcps.publish(name)] if publish else [])]
    requests += [
        grants.add(NewGrant(group=group, mcp=name, tools=["*"])) for group in dict.fromkeys(grant or [])
    ]
    added = submit_all(admin, requests, mcps.show(name), MCP)
    if added is not None:
        warn_of_tools(admin, added)
        if publish:
            warn_of_findings(admin, name)
    if added is not None and not publish:
        admin.output.advise(
            f"The MCP is a draft and serves no calls yet. Next: ambassador-admin mcp publish {name}"
        )
    elif added is not None and not grant:
        admin.output.advise(f"Calls need a grant. Next: ambassador-admin grant add GROUP {name}")


@verb(app, "update", changes=True)
def update(
    admin: Invocation,
    name: Name,
    described: McpOptions,
    no_test: Annotated[
        bool,
        typer.Option(
            "--no-test", help="Store new connection options of a published MCP without testing them first."
        ),
    ] = False,
    credential: OneTime = None,
    command: Command = None,
) -> None:
    """Change an MCP; options that are not given change nothing.

    A new command or URL replaces the old one together with its --env or --header, so give these again, too. The server
    tests new connection options of a published MCP first and changes nothing if the test fails; then it reconnects, and
    calls in flight fail.

    Example: ambassador-admin mcp update time --timeout 30 -- uvx mcp-server-time
    """
    facts = McpPut(**described.attributes())
    if described.describes_connection or command:
        transport, options = described.transport_and_options(command or [])
        _warn(admin, options)
        facts = replace(facts, transport=transport, options=options)
    if facts == McpPut():
        raise UsageError("Nothing to change.", hint="ambassador-admin mcp update --help")
    request = mcps.update(name, facts, test=not no_test)
    values = one_time_values(admin, credential)
    warn_of_tools(admin, admin.submit(mcps.with_one_time_values(request, values), MCP) or {})


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the catalog.

    Example: ambassador-admin mcp list --filter tag=demo -o wide
    """
    list_options.show(admin, mcps.list_all(), MCP)


@verb(app, "show", watch=True)
def show(admin: Invocation, name: Name) -> None:
    """Show one MCP and the state of its connection.

    Example: ambassador-admin mcp show time
    """
    entry = admin.api.fetch(mcps.show(name))
    admin.output.record(MCP, entry)
    warn_of_tools(admin, entry)


@verb(app, "publish", changes=True)
def publish(admin: Invocation, names: Names, credential: OneTime = None) -> None:
    """Publish MCPs, so that users with a grant can call their tools; this approves the tools that they offer now.

    The connection is tested first. Cues of hidden instructions in the definitions are shown; `mcp test` shows them
    before. If only users have the credentials that an MCP needs, it is published untested, or
    tested with a --credential that is used once.

    Example: ambassador-admin mcp publish time
    """
    if credential and len(set(names)) > 1:
        raise UsageError("--credential is for one MCP.", hint=f"ambassador-admin mcp publish {names[0]}")
    values = one_time_values(admin, credential)

    def request_of(name: str) -> Request:
        return mcps.with_one_time_values(mcps.publish(name), values)

    def warn(entry: Mapping[str, Any]) -> None:
        warn_of_tools(admin, entry)
        warn_of_findings(admin, entry["name"])

    submit_each(admin, names, request_of, MCP, then=warn)
    if not admin.options.dry_run:
        admin.output.advise(f"Calls need a grant. Next: ambassador-admin grant add GROUP {names[0]}")


@verb(app, "test")
def check_connection(admin: Invocation, name: Name, credential: OneTime = None) -> None:
    """Open a separate connection to an MCP and list its tools; this changes nothing.

    Example: ambassador-admin mcp test time
    """
    values = one_time_values(admin, credential)
    answer = admin.api.fetch(mcps.with_one_time_values(mcps.test(name), values))
    admin.output.rows(TOOL, answer["items"])
    warn_of_findings(admin, name, answer["items"])
    warn_of_tools(admin, admin.api.fetch(mcps.show(name)))


@verb(app, "archive", destroys=True)
def archive(admin: Invocation, names: Names) -> None:
    """Archive MCPs, so that they serve no calls; `publish` restores them.

    Example: ambassador-admin mcp archive time
    """
    admin.confirm(f"Archive MCP {listed(names)}?")
    submit_each(admin, names, mcps.archive, MCP)


@verb(app, "remove", destroys=True)
def remove(admin: Invocation, names: Names) -> None:
    """Delete MCPs that are not published, with their grants.

    Example: ambassador-admin mcp remove time
    """
    admin.confirm(f"Remove MCP {listed(names)} and all grants for it permanently?")
    send_each(admin, names, mcps.remove, lambda name: f"Removed MCP {name}.")


@verb(app, "restart", changes=True)
def restart(admin: Invocation, names: Names) -> None:
    """Close and reopen the connections to MCPs; calls in flight fail; per-user connections reopen at the next call.

    Example: ambassador-admin mcp restart time
    """
    submit_each(admin, names, mcps.restart, HEALTH)


@verb(app, "status", watch=True)
def status(
    admin: Invocation,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this MCP."), NameKind.MCP] = None,
) -> None:
    """Show the MCPs' state, open connections, calls in flight and attempts to reconnect.

    Example: ambassador-admin mcp status
    """
    if name is None:
        admin.show_list(mcps.list_all(), HEALTH)
    else:
        admin.show_one(mcps.show(name), HEALTH)


@verb(app, "logs")
def logs(
    admin: Invocation,
    name: Name,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", min=1, help="The number of lines of each connection.")
    ] = 50,
) -> None:
    """Show the last lines that an MCP wrote besides MCP messages, such as its stderr; secrets are masked.

    Example: ambassador-admin mcp logs time --lines 10
    """
    admin.output.rows(OUTPUT, admin.api.fetch(mcps.logs(name, lines))["items"])


def warn_of_tools(admin: Invocation, entry: Mapping[str, Any]) -> None:
    """Name the tools that an MCP lists but that cannot be offered, and what else is wrong with its list."""
    left_out, count = entry.get("left_out", []), entry.get("tools_left_out", 0)
    texts = list(entry.get("warnings", []))
    for tool in left_out:
        which = f"the tool '{tool['name']}'" if tool["name"] else "a tool without a name"
        texts.append(f"{which} is left out: {tool['reason']}")
    if count > len(left_out):
        texts.append(f"{count} tools are left out in all")
    for text in texts:
        admin.output.warn(f"{entry['name']}: {text}")


def _warn(admin: Invocation, options: Mapping[str, Any]) -> None:
    for option, given in (("--header", options.get("headers", {})), ("--env", options.get("env", {}))):
        for warning in secret_warnings(option, given):
            admin.output.warn(warning)
