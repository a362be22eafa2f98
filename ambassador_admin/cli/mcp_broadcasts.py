"""The command `mcp broadcast`: says for several MCPs which of their tools can be called together."""

from difflib import get_close_matches
from typing import Annotated

import typer

from ambassador_admin.api import mcps
from ambassador_admin.api.request import Request
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.mcp_options import Broadcast
from ambassador_admin.cli.mcps import MCP, warn_of_tools
from ambassador_admin.cli.several import submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import NotFoundError, UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column
from ambassador_protocol.admin.mcps import McpPut

BROADCASTING = View(
    "MCPs",
    (
        Column("NAME", "name", whole=True),
        Column("BROADCAST", "broadcast"),
        Column("TAGS", "tags"),
        Column("STATUS", "status", status=True),
        Column("TOOLS", "tools"),
    ),
    MCP.fields,
)

_Mode = Annotated[
    Broadcast,
    typer.Argument(metavar="MODE", help="read-only: tools that only read; all: every tool; off: none."),
]
_Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="The MCPs' names."), NameKind.MCP]
_Tag = Annotated[
    str | None,
    typer.Option("--tag", metavar="WORD", help="Every MCP that has this tag now, instead of names."),
]


def register(group: typer.Typer) -> None:
    """Register the command."""
    verb(group, "broadcast", changes=True)(broadcast)


def broadcast(admin: Invocation, mode: _Mode, names: _Names = None, tag: _Tag = None) -> None:
    """Let tools of MCPs be called together with those of others, under the names that begin with `broadcast__`.

    Example: ambassador-admin mcp broadcast read-only --tag logs
    """
    if (tag is None) == (not names):
        raise UsageError("Name MCPs, or give --tag.", hint="ambassador-admin mcp broadcast --help")
    chosen = names or _tagged(admin, tag or "")

    def request_of(name: str) -> Request:
        return mcps.update(name, McpPut(broadcast=mode.wire), test=False)

    submit_each(admin, chosen, request_of, BROADCASTING, then=lambda entry: warn_of_tools(admin, entry))


def _tagged(admin: Invocation, tag: str) -> list[str]:
    """Return the MCPs with a tag; raises NotFoundError if there is none."""
    entries = list(admin.api.items(mcps.list_all()))
    found = [str(entry["name"]) for entry in entries if tag in entry["tags"]]
    if not found:
        near = get_close_matches(tag, {str(each) for entry in entries for each in entry["tags"]}, n=3)
        meant = f"; near: {', '.join(map(repr, near))}" if near else ""
        raise NotFoundError(
            f"No MCP has the tag {tag[:100]!r}{meant}.", hint="ambassador-admin mcp list -o wide"
        )
    return found
