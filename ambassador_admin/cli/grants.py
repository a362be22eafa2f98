"""The `grant` commands: which tools, resources and prompts a group may, or may not, use."""

from typing import Annotated, Any

import typer

from ambassador_admin.api import grants
from ambassador_admin.cli.approval_options import Approval, Approvers, Valid, approval_of, approval_text
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.constraint_options import Constraints, When, constraints_of
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration, parse_end
from ambassador_admin.cli.pattern_options import Prompts, Resources, tools_of
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.cli.unmatched import AllowUnmatched, warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import NotFoundError, UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, end_time, fields_of, relative_time
from ambassador_protocol.admin.grants import GrantApproval, GrantView, NewGrant

GRANT = View(
    "grants",
    (
        Column("ID", "id", id=True),
        Column("GROUP", "group"),
        Column("USER", "user"),
        Column("MCP", "mcp"),
        Column("EFFECT", "effect", status=True),
        Column("COVERS", "tools", more=("resources", "prompts")),
        Column("CONSTRAINTS", "constraints"),
        Column("APPROVAL", "approval", approval_text),
        Column("DELIVERY", "delivery", wide=True),
        Column("EXPIRES", "expires_at", end_time),
        Column("REQUEST", "request", wide=True),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
    ),
    fields_of(GrantView),
)

app = noun("Which tools, resources and prompts a group may, or may not, use.")

Tools = Annotated[
    list[str] | None,
    typer.Option("--tool", metavar="PATTERN", help="Tools by name; '*' matches anything; may be repeated."),
]

Deny = Annotated[
    bool, typer.Option("--deny", help="Deny it; a denial takes precedence over every permission.")
]

OptIn = Annotated[bool, typer.Option("--opt-in", help="Only clients that have subscribed to the MCP get it.")]

Owner = Annotated[
    str | None,
    typer.Option("--owner", metavar="LABEL", help="The label of the declarative file that owns the grant."),
]

Duration = Annotated[str | None, typer.Option("--for", metavar="DURATION", help="Expire after 8h, 30d, …")]

Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Expire at 2026-01-31T12:00:00Z.")]


@verb(app, "add", changes=True)
def add(
    admin: Invocation,
    group: Annotated[
        str, typer.Argument(metavar="GROUP", help="The group that gets the grant."), NameKind.GROUP
    ],
    mcp: Annotated[str, typer.Argument(metavar="MCP", help="The MCP."), NameKind.MCP],
    tool: Tools = None,
    resource: Resources = None,
    prompt: Prompts = None,
    when: When = None,
    constraints: Constraints = None,
    approval: Approval = False,
    approvers: Approvers = None,
    valid: Valid = None,
    deny: Deny = False,
    opt_in: OptIn = False,
    allow_unmatched: AllowUnmatched = False,
    owner: Owner = None,
    duration: Duration = None,
    until: Until = None,
) -> None:
    """Permit the members of a group to use an MCP: all of it, or what --tool, --resource and --prompt name.

    With --when or --constraints, tools can be called only with arguments that meet all conditions. With --approval,
    another person approves each call first. With --for or --until, the grant has no effect from that time on, also with
    --deny; running calls that it permitted are stopped.

    Example: ambassador-admin grant add developers time --tool 'get_*' --for 30d
    """
    if duration is not None and until is not None:
        raise UsageError("--for and --until exclude each other.", hint="ambassador-admin grant add --help")
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
        expires_at=parse_end(until, admin.environment.now(), "--until"),
        allow_unmatched=allow_unmatched or None,
        constraints=constraints_of(when, constraints, admin.environment.stdin),
        approval=approval_of(approval, approvers, valid),
    )
    warn_of(admin, admin.submit(grants.add(grant), GRANT))


GrantId = Annotated[
    str, typer.Argument(metavar="ID", help="The grant's id, or its beginning."), NameKind.GRANT
]


@verb(app, "update", changes=True)
def update(
    admin: Invocation,
    grant_id: GrantId,
    when: When = None,
    constraints: Constraints = None,
    no_constraints: Annotated[
        bool, typer.Option("--no-constraints", help="Permit any arguments again.")
    ] = False,
    approval: Approval = False,
    approvers: Approvers = None,
    valid: Valid = None,
    no_approval: Annotated[
        bool, typer.Option("--no-approval", help="Permit calls without an approval again.")
    ] = False,
) -> None:
    """Change the arguments with which a grant permits tools, or who approves its calls.

    All conditions are replaced by the new ones. What is approved already does not serve after a change.

    Example: ambassador-admin grant update 0198c0de --when 'timezone=Europe/*'
    """
    wanted = constraints_of(when, constraints, admin.environment.stdin)
    demanded = approval_of(approval, approvers, valid)
    if no_constraints and wanted is not None:
        raise UsageError("Give one of --when, --constraints and --no-constraints.")
    if no_approval and demanded is not None:
        raise UsageError("--approval and --no-approval exclude each other.")
    if not (no_constraints or no_approval or wanted is not None or demanded is not None):
        raise UsageError("Give --when, --constraints, --no-constraints, --approval or --no-approval.")
    found = _find(admin, grant_id)
    if found["group"] is None:
        raise UsageError(
            f"Grant {found['id']} was made by the request {found['request']} of {found['user']}, and stays as it is.",
            hint=f"ambassador-admin grant remove {found['id']}",
        )
    grant = NewGrant(
        **{name: found[name] for name in ("group", "mcp", "tools", "resources", "prompts")},
        **{name: found[name] for name in ("effect", "delivery", "expires_at")},
        constraints={} if no_constraints else wanted,
        approval=GrantApproval(required=False) if no_approval else demanded,
    )
    admin.submit(grants.update(grant), GRANT)


@verb(app, "show")
def show(admin: Invocation, grant_id: GrantId) -> None:
    """Show a grant with its constraints and the approval that it demands.

    Example: ambassador-admin grant show 0198c0de
    """
    admin.output.record(GRANT, _find(admin, grant_id))


def _find(admin: Invocation, grant_id: str) -> dict[str, Any]:
    whole_id = admin.resolve_id(grants.list_all(), grant_id)
    for found in admin.api.items(grants.list_all()):
        if found["id"] == whole_id:
            return dict(found)
    raise NotFoundError(f"No grant {whole_id!r}.", hint="ambassador-admin grant list")


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
