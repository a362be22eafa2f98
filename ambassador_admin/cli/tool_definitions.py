"""The commands `mcp tools` and `mcp approve`: what an MCP offers, what has changed in it, and its approval."""

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches, unified_diff
from typing import Annotated, Any

import typer

from ambassador_admin.api import mcps
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.findings import finding_lines
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.mcps import MCP, TOOL, Name, warn_of_tools
from ambassador_admin.cli.several import listed
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import ConflictError, NotFoundError, UsageError
from ambassador_admin.output import Format, View
from ambassador_admin.output.text import printable
from ambassador_admin.output.view import Column, Item, fields_of
from ambassador_protocol.admin.mcps import DefinitionApproval, DefinitionView
from ambassador_protocol.nesting import is_too_deep

DEFINITION = View(
    "tools that wait for an approval",
    (
        Column("TOOL", "tool", whole=True),
        Column("APPROVAL", "approval"),
        Column("APPROVED DIGEST", "approved_digest"),
        Column("OFFERED DIGEST", "offered_digest"),
        Column("RENAMED FROM", "renamed_from", wide=True),
        Column("FINDINGS", "findings", wide=True),
        Column("APPROVED", "approved", wide=True),
        Column("OFFERED", "offered", wide=True),
    ),
    fields_of(DefinitionView),
)


def register(group: typer.Typer) -> None:
    """Register `mcp tools` and `mcp approve`."""
    verb(group, "tools")(tools)
    verb(group, "approve", changes=True, asks=True)(approve)


def tools(
    admin: Invocation,
    name: Name,
    list_options: ListOptions,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what differs from the approved definitions instead.")
    ] = False,
) -> None:
    """List the tools of an MCP, and whether the definition of each is approved, changed, new or gone.

    Example: ambassador-admin mcp tools time --fields name,tool_class,approval
    """
    if not diff:
        list_options.show(admin, mcps.tools(name), TOOL)
        warn_of_tools(admin, admin.api.fetch(mcps.show(name)))
        return
    if list_options != ListOptions():
        raise UsageError("--diff shows every tool that waits; it takes no --filter, --sort or --limit.")
    waiting = admin.api.fetch(mcps.definitions(name))["items"]
    if waiting and admin.output.format is Format.TABLE and admin.output.fields is None:
        admin.output.write("\n".join(line for each in waiting for line in _difference(each)))
    else:
        admin.output.rows(DEFINITION, waiting)


def approve(
    admin: Invocation,
    name: Name,
    tool: Annotated[
        list[str] | None, typer.Argument(metavar="TOOL", help="Only these tools; by default all that wait.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Approve nothing if a definition has a cue of hidden instructions."),
    ] = False,
) -> None:
    """Approve tools of an MCP that are new, changed or gone, as they are offered now; look at `mcp tools --diff` first.

    Publishing an MCP, or changing its connection with a test, approves what it offers then. A tool that is offered
    otherwise later is neither listed nor called until it is approved, unless the MCP has --pin warn or --pin off.
    If a definition has cues that it may be meant to steer the model, they are shown and you are asked.

    Example: ambassador-admin mcp approve time convert_time
    """
    waiting = {str(each["tool"]): each for each in admin.api.fetch(mcps.definitions(name))["items"]}
    chosen = [*waiting] if tool is None else [_own_name(name, each, waiting) for each in tool]
    unknown = [each for each in chosen if each not in waiting]
    if unknown:
        _check_offered(admin, name, unknown, waiting)
    digests = {each: waiting[each]["offered_digest"] for each in chosen if each in waiting}
    if not digests:
        admin.output.say(f"Nothing of MCP {name} waits for an approval.")
        return
    _show_findings(admin, name, [waiting[each] for each in digests], strict=strict)
    if admin.submit(mcps.approve(name, DefinitionApproval(tools=digests)), MCP):
        admin.output.say(
            "Approved: " + ", ".join(f"{each} ({_state(waiting[each])})" for each in digests) + "."
        )


def _show_findings(admin: Invocation, name: str, chosen: Sequence[Item], *, strict: bool) -> None:
    """Show what was found in the definitions, and ask if it is approved nevertheless.

    Raises ConflictError if `strict`, and what `confirm` raises.
    """
    found = [line for item in chosen for line in finding_lines(str(item["tool"]), item)]
    if not found:
        return
    for line in found:
        admin.output.warn(line)
    if strict:
        raise ConflictError(
            f"Nothing was approved: the definitions of MCP {name!r} have cues of hidden instructions.",
            hint=f"ambassador-admin mcp tools {name} --diff",
        )
    admin.confirm(f"Approve {listed([str(item['tool']) for item in chosen])} of MCP {name} nevertheless?")


def _state(item: Item) -> str:
    """Return how a definition relates to the approved one, and names the other one of a renamed tool."""
    if item["renamed_from"]:
        return f"{item['approval']}, renamed from {item['renamed_from']}"
    if item["renamed_to"]:
        return f"{item['approval']}, renamed to {item['renamed_to']}"
    return str(item["approval"])


def _own_name(mcp: str, tool: str, waiting: dict[str, Any]) -> str:
    """Return a tool's own name, also if it was given with that of its MCP."""
    return tool if tool in waiting else tool.removeprefix(f"{mcp}.")


def _check_offered(admin: Invocation, name: str, unknown: Sequence[str], waiting: dict[str, Any]) -> None:
    """Raise NotFoundError, with similar names, unless these tools are approved already."""
    offered = [str(each["own_name"]) for each in admin.api.items(mcps.tools(name))]
    for tool in unknown:
        if tool not in offered:
            near = get_close_matches(tool, dict.fromkeys([*waiting, *offered]))
            raise NotFoundError(
                f"MCP {name!r} has no tool {tool!r}.",
                hint=f"did you mean {' or '.join(near)}?" if near else f"ambassador-admin mcp tools {name}",
            )
        admin.output.say(f"{tool} is approved already.")


def _difference(item: Item) -> Iterator[str]:
    """Yield the lines that show how a definition differs, safe for a terminal."""
    yield printable(f"{item['tool']}: {_state(item)}")
    yield from (f"  ! {line}" for line in finding_lines(str(item["tool"]), item))
    approved, offered = item["approved"], item["offered"]
    before, after = _lines(approved), _lines(offered)
    if before == after:
        before, after = [approved or ""], [offered or ""]
    for line in unified_diff(before, after, "approved", "offered", lineterm=""):
        yield f"  {printable(line)}"


def _lines(definition: str | None) -> list[str]:
    """Return a definition as indented JSON.

    One with a key given twice is returned as it is, because each of them may be read; so is one nested too deep.
    """
    if definition is None:
        return []
    if is_too_deep(definition.encode(errors="surrogatepass")):
        return [definition]
    try:
        value = json.loads(definition, object_pairs_hook=_unique)
    except ValueError:
        return [definition]
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found
