"""The `grant` commands: which tools, resources and prompts a group may, or may not, use."""

from typing import Annotated

import typer

from ambassador_admin.api import grants
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.cli.pattern_options import Prompts, Resources, tools_of
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.cli.unmatched import AllowUnmatched, warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.grants import GrantView, NewGrant

GRANT = View(
    "grants",
    (
        Column("ID", "id", id=True),
        Column("GROUP", "group"),
        Column("MCP", "mcp"),
        Column("EFFECT", "effect", status=True),
        Column("COVERS", "tools", more=("resources", "prompts")),
        Column("DELIVERY", "delivery", wide=True),
        Column("EXPIRES", "expires_at", relative_time),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
    ),
    fields_of(GrantView),
)

app = noun("Which tools, resources and prompts a group may, or may not, use.")


@verb(app, "add", changes=True)
def add(
    admin: Invocation,
    group: Annotated[
        str, typer.Argument(metavar="GROUP", help="The group that gets the grant."), NameKind.GROUP
    ],
    mcp: Annotated[str, typer.Argument(metavar="MCP", help="The MCP."), NameKind.MCP],
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool", metavar="PATTERN", help="Tools by name; '*' matches anything; may be repeated."
        ),
    ] = None,
    resource: Resources = None,
    prompt: Prompts = None,
    deny: Annotated[
        bool,
        typer.Option("--deny", help="Deny it; a denial takes precedence over every permission."),
    ] = False,
    opt_in: Annotated[
        bool,
        typer.Option("--opt-in", help="Only clients that have subscribed to the MCP get it."),
    ] = False,
    allow_unmatched: AllowUnmatched = False,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns the grant."
        ),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire after 8h, 30d, …")
    ] = None,
) -> None:
    """Permit the members of a group to use an MCP: all of it, or what --tool, --resource and --prompt name.

    Example: ambassador-admin grant add developers time --tool 'get_*' --for 30d
    """
    grant = NewGrant(
        group=group,
        mcp=mcp,
        tools=tools_of(tool, resource, prompt),
        resources=resource,
        prompts=prompt,
        effect="deny" if deny else "permit",
        delivery="opt_in" if opt_in else "automatic",
        owner=owner,
        expires_in_seconds=parse_duration(duration),
        allow_unmatched=allow_unmatched or None,
    )
    warn_of(admin, admin.submit(grants.add(grant), GRANT))


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the grants.

    Example: ambassador-admin grant list --filter mcp=time --filter effect=deny
    """
    list_options.show(admin, grants.list_all(), GRANT)


@verb(app, "remove", destroys=True)
def remove(
    admin: Invocation,
    grant_ids: Annotated[
        list[str], typer.Argument(metavar="ID", help="The grants' ids, or their beginnings."), NameKind.GRANT
    ],
) -> None:
    """Remove grants; the next call is decided without them.

    Example: ambassador-admin grant remove 0198c0de
    """
    whole_ids = admin.resolve_ids(grants.list_all(), grant_ids)
    admin.confirm(f"Remove grant {listed(whole_ids)}?")
    send_each(admin, whole_ids, grants.remove, lambda grant_id: f"Removed grant {grant_id}.")
