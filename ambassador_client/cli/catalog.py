"""The commands `catalog`, `subscribe`, `unsubscribe`, `select` and `meta-tools`."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

import typer

from ambassador_client.cli.command import Run, command, command_group
from ambassador_client.cli.output import Format, is_for_programs, show, show_rows
from ambassador_client.errors import BadAnswerError, NotFoundError, ServerRefusedError, UsageError
from ambassador_protocol.paths import OWN_CATALOG, OWN_META_TOOLS, OWN_SUBSCRIPTIONS


class _MetaTools(StrEnum):
    ON = "on"
    OFF = "off"
    INHERIT = "inherit"


_Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The name of the MCP.")]
_AllowUnmatched = Annotated[
    bool, typer.Option("--allow-unmatched", help="Accept patterns that match nothing today.")
]
_Resources = Annotated[
    list[str] | None,
    typer.Option("--resource", metavar="PATTERN", help="Only resources whose URI matches; may be repeated."),
]
_Prompts = Annotated[
    list[str] | None,
    typer.Option("--prompt", metavar="PATTERN", help="Only prompts whose name matches; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Register the commands."""
    group = command_group("The MCPs that you are granted.")
    command(group, "list", list_all)
    command(group, "show", show_mcp)
    app.add_typer(group, name="catalog")
    command(app, "subscribe", subscribe, changes=True)
    command(app, "unsubscribe", unsubscribe, changes=True)
    command(app, "select", select, changes=True)
    command(app, "meta-tools", meta_tools, changes=True)


def list_all(run: Run) -> int:
    """List the MCPs that you are granted, and the selection of this client.

    Example: ambassador-client catalog list
    """
    mcps = _catalog(run)
    if is_for_programs(run.output):
        show_rows(mcps, run.output)
    elif mcps:
        show_rows([_row(each) for each in mcps], run.output)
    else:
        run.say("You have no grants. Ask your administrator.")
    return 0


def show_mcp(run: Run, name: _Mcp) -> int:
    """Show what is granted to you of an MCP, and what of it this client can use.

    Example: ambassador-client catalog show github
    """
    mcps = _catalog(run)
    found = next((each for each in mcps if each.get("name") == name), None)
    if found is None:
        raise _not_granted(name, mcps)
    _show(run, found)
    return 0


def subscribe(
    run: Run,
    name: _Mcp,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool", metavar="PATTERN", help="Only tools that match, such as read_*; may be repeated."
        ),
    ] = None,
    resource: _Resources = None,
    prompt: _Prompts = None,
    allow_unmatched: _AllowUnmatched = False,
) -> int:
    """Subscribe this client to an MCP with an opt-in grant: to all of it, or to what matches.

    Example: ambassador-client subscribe github --tool 'issue_*'
    """
    _put(run, name, {"tools": tool, "resources": resource, "prompts": prompt}, allow_unmatched)
    return 0


def unsubscribe(run: Run, name: _Mcp) -> int:
    """Delete this client's subscription or selection of an MCP. What automatic grants permit comes back.

    Example: ambassador-client unsubscribe github
    """
    with _similar_names(run, name):
        run.server.request("DELETE", _path(name))
    run.say(f"This client no longer has a subscription or selection of {name}.")
    return 0


def select(
    run: Run,
    name: _Mcp,
    tools: Annotated[
        list[str] | None, typer.Argument(metavar="PATTERN...", help="Patterns of the tools to keep.")
    ] = None,
    resource: _Resources = None,
    prompt: _Prompts = None,
    allow_unmatched: _AllowUnmatched = False,
) -> int:
    """Limit this client to what matches of an MCP; a selection never adds anything.

    Of a kind that is not named nothing is kept: with tools alone, no resources and no prompts.

    Example: ambassador-client select github 'issue_*' search_code
    """
    named = {"tools": tools, "resources": resource, "prompts": prompt}
    if not any(named.values()):
        raise UsageError(
            "Name what to keep: tools, --resource or --prompt.", "ambassador-client select --help"
        )
    _put(run, name, named, allow_unmatched)
    return 0


def meta_tools(
    run: Run,
    choice: Annotated[_MetaTools, typer.Argument(help="on, off, or inherit what your user has.")],
) -> int:
    """Choose whether AI applications with this key search the tools (on) or list all of them (off).

    Searched, they are three tools, whatever you may call: search_tools, describe_tool and call_tool.

    Example: ambassador-client meta-tools on
    """
    me = run.server.request("PUT", OWN_META_TOOLS, {"meta_tools": choice.value})
    do = "search" if me.get("meta_tools") is True else "list"
    run.say(f"AI applications with this key {do} the tools.")
    return 0


class Refusal(NamedTuple):
    """Why something in the catalog is refused: the reason, and the administrator's message if there is one."""

    mcp: str
    reason: str
    message: str | None

    @property
    def hint(self) -> str:
        """Return the next step."""
        return f"The reason is {self.reason}. Run: ambassador-client catalog show {self.mcp}"


def find_refusal(run: Run, names: Collection[str], kind: str) -> Refusal | None:
    """Return why a tool, resource or prompt of one of these names is refused; None if the catalog has none."""
    for mcp in _catalog(run):
        for each in mcp.get(f"{kind}s") or []:
            if each.get("published_as") in names and (reason := each.get("refused")) is not None:
                return Refusal(str(mcp.get("name")), str(reason), each.get("message"))
    return None


def _put(run: Run, name: str, named: Mapping[str, list[str] | None], allow_unmatched: bool) -> None:
    # An older server does not know the other members.
    body: dict[str, Any] = {kind: patterns for kind, patterns in named.items() if patterns}
    if allow_unmatched:
        body["allow_unmatched"] = True
    with _similar_names(run, name):
        changed = run.server.request("PUT", _path(name), body)
    _show(run, changed)
    for warning in changed.get("warnings") or []:
        run.say(f"warning: {warning}")


@contextmanager
def _similar_names(run: Run, name: str) -> Iterator[None]:
    """Name the granted MCPs that are spelt nearly like an unknown one."""
    try:
        yield
    except ServerRefusedError as error:
        mcps = _catalog(run) if error.exit_code == NotFoundError.exit_code else []
        if mcps and not any(each.get("name") == name for each in mcps):
            raise _not_granted(name, mcps) from None
        raise


def _not_granted(name: str, mcps: Sequence[dict[str, Any]]) -> NotFoundError:
    near = get_close_matches(name, [str(each.get("name")) for each in mcps], n=3)
    return NotFoundError(
        f"no MCP {name[:100]!r} is granted to you",
        f"Did you mean {' or '.join(near)}?" if near else "Run: ambassador-client catalog list",
    )


def _path(name: str) -> str:
    if not name.strip("."):
        raise _not_granted(name, [])
    return f"{OWN_SUBSCRIPTIONS}/{quote(name, safe='')}"


def _catalog(run: Run) -> list[dict[str, Any]]:
    mcps = run.server.request("GET", OWN_CATALOG).get("mcps")
    if not isinstance(mcps, list) or not all(isinstance(each, dict) for each in mcps):
        raise BadAnswerError(
            "the server's catalog cannot be read", "Check that client and server have the same version."
        )
    return mcps


def _show(run: Run, mcp: dict[str, Any]) -> None:
    if is_for_programs(run.output):
        show(mcp, run.output)
        return
    show(_row(mcp) | {"description": mcp.get("description")}, run.output)
    if run.output is Format.NAME:
        return
    tools = mcp.get("tools") or []
    members = {"tool": "published_as", "class": "tool_class", "refused": "refused"}
    if any(each.get("message") for each in tools):
        members["message"] = "message"
    _show_table(tools, members)
    others = {"read as": "published_as", "refused": "refused"}
    _show_table(mcp.get("resources") or [], {"resource": "uri", **others})
    _show_table(mcp.get("prompts") or [], {"prompt": "published_as", "refused": "refused"})


def _show_table(items: list[dict[str, Any]], members: Mapping[str, str]) -> None:
    rows = [{title: each.get(member) for title, member in members.items()} for each in items]
    if rows:
        sys.stdout.write("\n")
        show_rows(rows, None)


def _row(mcp: dict[str, Any]) -> dict[str, Any]:
    selected = [mcp.get(member) or [] for member in ("selected", "selected_resources", "selected_prompts")]
    return {
        "mcp": mcp.get("name"),
        "delivery": mcp.get("delivery"),
        "subscribed": mcp.get("subscribed"),
        "selected": None if mcp.get("selected") is None else list(chain.from_iterable(selected)),
        **{kind: _usable(mcp.get(kind) or []) for kind in ("tools", "resources", "prompts")},
    }


def _usable(items: list[dict[str, Any]]) -> str:
    return f"{sum(each.get('refused') is None for each in items)} of {len(items)}"
