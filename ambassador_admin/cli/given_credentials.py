"""The `credential` commands for what users have given: state, never a value; and revoking."""

from dataclasses import replace
from typing import Annotated

import typer

from ambassador_admin.api import credentials
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.credentials import CredentialRevocation, CredentialView, McpCredentials

CREDENTIAL = View(
    "credentials",
    (
        Column("USER", "user", whole=True),
        Column("MCP", "mcp", whole=True),
        Column("STATUS", "status", status=True),
        Column("GIVEN", "fields"),
        Column("MISSING", "missing"),
        Column("CHANGED", "updated_at", relative_time),
        Column("SCOPES", "scopes", wide=True),
        Column("ISSUER", "issuer", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("ID", "id", id=True, wide=True),
    ),
    fields_of(CredentialView),
)
STATE = View(
    "mcps",
    (
        Column("MCP", "mcp", whole=True),
        Column("USERS", "users"),
        Column("COMPLETE", "complete"),
        Column("MISSING", "missing"),
        Column("DEAD", "dead"),
        Column("OF EACH USER", "fields"),
        Column("SHARED", "shared"),
        Column("OAUTH", "needs_connect"),
        Column("WAITING", "waiting"),
    ),
    fields_of(McpCredentials),
)

User = Annotated[
    str | None, typer.Option("--user", metavar="USER", help="Only those of this user."), NameKind.USER
]
Mcp = Annotated[
    str | None, typer.Option("--mcp", metavar="MCP", help="Only those for this MCP."), NameKind.MCP
]


def register(app: typer.Typer) -> None:
    """Add the commands to the noun `credential`."""
    verb(app, "list", watch=True)(list_all)
    verb(app, "status", watch=True)(status)
    verb(app, "revoke", destroys=True)(revoke)


def list_all(
    admin: Invocation,
    list_options: ListOptions,
    user: User = None,
    mcp: Mcp = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only those that are active, or dead."),
    ] = None,
) -> None:
    """List who has given which values for which MCP; no value is shown, not even to administrators.

    Example: ambassador-admin credential list --mcp github
    """
    named = {"user": user, "mcp": mcp, "status": status}
    also = [f"{field}={value}" for field, value in named.items() if value is not None]
    wanted = replace(list_options, filter=[*(list_options.filter or []), *also] or None)
    wanted.show(admin, credentials.list_all(), CREDENTIAL)


def status(
    admin: Invocation,
    mcp: Annotated[
        str | None, typer.Argument(metavar="MCP", help="One MCP; without it all."), NameKind.MCP
    ] = None,
) -> None:
    """Show how many users of each MCP have given what it needs, and whose calls are refused until they do.

    Example: ambassador-admin credential status github
    """
    admin.output.rows(STATE, admin.api.fetch(credentials.states(mcp=mcp))["items"])


def revoke(admin: Invocation, user: User = None, mcp: Mcp = None) -> None:
    """Delete what a user has given for an MCP, all that a user has given, or all that users gave for an MCP.

    Their calls lose it at once. A key or token that was issued elsewhere stays valid there.

    Example: ambassador-admin credential revoke --user alice --mcp github
    """
    if user is None and mcp is None:
        raise UsageError(
            "Name a user, an MCP or both: --user, --mcp.", hint="ambassador-admin credential list"
        )
    whose = " ".join(part for part in (f"of {user}" if user else "", f"for MCP {mcp}" if mcp else "") if part)
    admin.confirm(f"Delete {'the credential' if user and mcp else 'every credential'} {whose}?")
    answer = admin.send_change(credentials.revoke(CredentialRevocation(user=user, mcp=mcp)), CREDENTIAL)
    if answer is not None:
        admin.output.rows(CREDENTIAL, answer["revoked"])
