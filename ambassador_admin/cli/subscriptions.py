"""The `subscription` commands: which MCPs and tools clients have selected."""

from typing import Annotated

import typer

from ambassador_admin.api import client_keys, subscriptions
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.unmatched import AllowUnmatched, warn_of
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.subscriptions import SubscriptionPut, SubscriptionView

SUBSCRIPTION = View(
    "subscriptions",
    (
        Column("USER", "user"),
        Column("KEY", "key"),
        Column("KEY ID", "key_id", id=True),
        Column("MCP", "mcp"),
        Column("TOOLS", "tools"),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
    ),
    fields_of(SubscriptionView),
)

app = noun("Subscriptions: which MCPs and tools clients have selected.")

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The id of the client's key, or its beginning."), NameKind.KEY
]
Mcp = Annotated[str, typer.Argument(metavar="MCP", help="The MCP's name."), NameKind.MCP]


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the subscriptions.

    Example: ambassador-admin subscription list --filter user=alice
    """
    list_options.show(admin, subscriptions.list_all(), SUBSCRIPTION)


@verb(app, "set", changes=True)
def put(
    admin: Invocation,
    key: Key,
    mcp: Mcp,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool",
            metavar="PATTERN",
            help="Select only these tools; '*' matches anything; may be repeated.",
        ),
    ] = None,
    none: Annotated[
        bool, typer.Option("--none", help="Select no tool, so that the client does not see the MCP.")
    ] = False,
    allow_unmatched: AllowUnmatched = False,
) -> None:
    """Subscribe a client to an MCP: to all tools, or to those that --tool names.

    The client then sees the selected tools, including those of opt-in grants, as far as grants permit them.

    Example: ambassador-admin subscription set 0198c0de time --tool 'get_*'
    """
    if none and tool:
        raise UsageError(
            "--none and --tool exclude each other.", hint="ambassador-admin subscription set --help"
        )
    choice = SubscriptionPut(tools=[] if none else tool or ["*"], allow_unmatched=allow_unmatched or None)
    key_id = admin.resolve_id(client_keys.list_all(user=None), key)
    warn_of(admin, admin.submit(subscriptions.put(key_id, mcp, choice), SUBSCRIPTION))


@verb(app, "remove", destroys=True)
def remove(admin: Invocation, key: Key, mcp: Mcp) -> None:
    """Remove a subscription: the client gets the tools of automatic grants, and none of opt-in grants.

    Example: ambassador-admin subscription remove 0198c0de time
    """
    key_id = admin.resolve_id(client_keys.list_all(user=None), key)
    admin.confirm(f"Remove the subscription of key {key_id} to {mcp}?")
    admin.send_and_say(
        subscriptions.remove(key_id, mcp), f"Removed the subscription of key {key_id} to {mcp}."
    )
