"""`catalog`, `subscribe`, `unsubscribe` and `select`: what is granted to the user, and what this client takes of it."""

import sys
from collections.abc import Collection
from typing import Annotated, Any
from urllib.parse import quote

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.output import Format, show, show_rows
from ambassador_client.errors import BadAnswerError, NotFoundError
from ambassador_protocol.paths import OWN_CATALOG, OWN_SUBSCRIPTIONS

_Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The name of the MCP.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = command_group("The MCPs that are granted to you.")
    command(group, "list", list_all)
    command(group, "show", show_mcp)
    app.add_typer(group, name="catalog")
    command(app, "subscribe", subscribe)
    command(app, "unsubscribe", unsubscribe)
    command(app, "select", select)


def list_all(run: Run) -> int:
    """List the MCPs of which something is granted to you, and what this client has chosen.

    Example: ambassador-client catalog list
    """
    mcps = _catalog(run)
    if run.output is Format.JSON:
        show_rows(mcps, run.output)
    elif mcps:
        show_rows([_row(each) for each in mcps], None)
    else:
        run.say("Nothing is granted to you. Ask your administrator.")
    return 0


def show_mcp(run: Run, name: _Mcp) -> int:
    """Show the tools of an MCP that are granted to you, and which of them this client has.

    Example: ambassador-client catalog show github
    """
    found = next((each for each in _catalog(run) if each.get("name") == name), None)
    if found is None:
        raise NotFoundError(f"no MCP {name[:100]!r} is granted to you", "Run: ambassador-client catalog list")
    _show(run, found)
    return 0


def subscribe(
    run: Run,
    name: _Mcp,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool", metavar="PATTERN", help="Only tools like this, such as read_*; may be repeated."
        ),
    ] = None,
) -> int:
    """Take the tools of an MCP that is granted for opting in; all of them, or those that match.

    Example: ambassador-client subscribe github --tool 'issue_*'
    """
    _put(run, name, tool)
    return 0


def unsubscribe(run: Run, name: _Mcp) -> int:
    """Take back what this client has chosen of an MCP: what is opted in to goes, what comes by itself comes back.

    Example: ambassador-client unsubscribe github
    """
    run.server.request("DELETE", _path(name))
    run.say(f"This client has no choice of {name} any more.")
    return 0


def select(
    run: Run,
    name: _Mcp,
    tools: Annotated[list[str], typer.Argument(metavar="PATTERN...", help="The tools to keep.")],
) -> int:
    """Narrow an MCP to the tools that match, for this client; it never gets more than is granted.

    Example: ambassador-client select github 'issue_*' search_code
    """
    _put(run, name, tools)
    return 0


def refusal_hint(run: Run, names: Collection[str]) -> str:
    """Return the next step for a tool of one of these names that is not offered; empty where the catalog has none."""
    for mcp in _catalog(run):
        for tool in mcp.get("tools") or []:
            if tool.get("published_as") in names and (reason := tool.get("refused")) is not None:
                return f"The reason is {reason}. Run: ambassador-client catalog show {mcp.get('name')}"
    return ""


def _put(run: Run, name: str, tools: list[str] | None) -> None:
    _show(run, run.server.request("PUT", _path(name), {} if not tools else {"tools": tools}))


def _path(name: str) -> str:
    if not name.strip("."):
        raise NotFoundError(f"no MCP {name!r} is granted to you", "Run: ambassador-client catalog list")
    return f"{OWN_SUBSCRIPTIONS}/{quote(name, safe='')}"


def _catalog(run: Run) -> list[dict[str, Any]]:
    mcps = run.server.request("GET", OWN_CATALOG).get("mcps")
    if not isinstance(mcps, list) or not all(isinstance(each, dict) for each in mcps):
        raise BadAnswerError(
            "the server's catalog cannot be read", "Are client and server of the same version?"
        )
    return mcps


def _show(run: Run, mcp: dict[str, Any]) -> None:
    if run.output is Format.JSON:
        show(mcp, run.output)
        return
    show(_row(mcp) | {"description": mcp.get("description")}, None)
    rows = [
        {"tool": each.get("published_as"), "class": each.get("tool_class"), "refused": each.get("refused")}
        for each in mcp.get("tools") or []
    ]
    if rows:
        sys.stdout.write("\n")
        show_rows(rows, None)


def _row(mcp: dict[str, Any]) -> dict[str, Any]:
    tools = mcp.get("tools") or []
    usable = sum(each.get("refused") is None for each in tools)
    return {
        "mcp": mcp.get("name"),
        "delivery": mcp.get("delivery"),
        "subscribed": mcp.get("subscribed"),
        "selected": mcp.get("selected"),
        "tools": f"{usable} of {len(tools)}",
    }
