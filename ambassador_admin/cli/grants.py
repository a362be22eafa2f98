"""`grant`: which tools a group may, or may not, call."""

from typing import Annotated

import typer

from ambassador_admin.api import grants
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import Rows
from ambassador_admin.cli.parsing import seconds
from ambassador_admin.completion.kinds import Kind
from ambassador_admin.context import AdminContext
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, when
from ambassador_protocol.admin.grants import GrantView, NewGrant

GRANT = View(
    "grants",
    (
        Column("ID", "id", id=True),
        Column("GROUP", "group"),
        Column("MCP", "mcp"),
        Column("EFFECT", "effect", status=True),
        Column("TOOLS", "tools"),
        Column("DELIVERY", "delivery", wide=True),
        Column("EXPIRES", "expires_at", when),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", when, wide=True),
        Column("BY", "created_by", wide=True),
    ),
    fields_of(GrantView),
)

app = noun("Which tools a group may, or may not, call.")


@verb(app, "add", changes=True)
def add(
    admin: AdminContext,
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Who gets the grant."), Kind.GROUP],
    mcp: Annotated[str, typer.Argument(metavar="MCP", help="Whose tools."), Kind.MCP],
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool", metavar="PATTERN", help="Tools by name, '*' matches anything; may be repeated."
        ),
    ] = None,
    deny: Annotated[
        bool, typer.Option("--deny", help="Deny these tools instead; denying always wins.")
    ] = False,
    opt_in: Annotated[
        bool,
        typer.Option("--opt-in", help="The tools appear to clients only that have subscribed to the MCP."),
    ] = False,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="LABEL", help="The declarative file the grant belongs to."),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End by itself after 8h, 30d, …")
    ] = None,
) -> None:
    """Give a group the tools of an MCP, all of them unless --tool says which.

    Example: ambassador-admin grant add developers time --tool 'get_*' --for 30d
    """
    grant = NewGrant(
        group=group,
        mcp=mcp,
        tools=tool or ["*"],
        effect="deny" if deny else "permit",
        delivery="opt_in" if opt_in else "automatic",
        owner=owner,
        expires_in_seconds=seconds(duration),
    )
    admin.submit(grants.add(grant), GRANT)


@verb(app, "list")
def list_all(admin: AdminContext, rows: Rows) -> None:
    """List the grants.

    Example: ambassador-admin grant list --filter mcp=time --filter effect=deny
    """
    rows.show(admin, grants.every(), GRANT)


@verb(app, "remove", destroys=True)
def remove(
    admin: AdminContext,
    grant_id: Annotated[
        str, typer.Argument(metavar="ID", help="The grant's id, or its beginning."), Kind.GRANT
    ],
) -> None:
    """Take a grant back; it ends with the next call.

    Example: ambassador-admin grant remove 0198c0de
    """
    grant_id = admin.full_id(grants.every(), grant_id)
    admin.confirm(f"Remove grant {grant_id}?")
    admin.discard(grants.remove(grant_id), f"Removed grant {grant_id}.")
