"""The `subscription` commands: what clients have selected of the MCPs."""

from typing import Annotated

import typer

from ambassador_admin.api import client_keys, subscriptions
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.pattern_options import Prompts, Resources, tools_of
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
        Column("SELECTED", "tools", more=("resources", "prompts")),
        Column("CREATED", "created_at", relative_time, wide=True),
        Column("BY", "created_by", wide=True),
    ),
    fields_of(SubscriptionView),
)

app = noun("Subscriptions: what clients have selected of the MCPs.")

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
    resource: Resources = None,
    prompt: Prompts = None,
    none: Annotated[
        bool, typer.Option("--none", help="Select nothing, so that the client does not see the MCP.")
    ] = False,
    allow_unmatched: AllowUnmatched = False,
) -> None:
    """Subscribe a client to an MCP: to all of it, or to what --tool, --resource and --prompt name.

    The client then sees what is selected, including that of opt-in grants, as far as grants permit it.

    Example: ambassador-admin subscription set 0198c0de time --tool 'get_*'
    """
    if none and (tool or resource or prompt):
        raise UsageError(
            "--none excludes --tool, --resource and --prompt.",
            hint="ambassador-admin subscription set --help",
        )
    choice = SubscriptionPut(
        tools=[] if none else tools_of(tool, resource, prompt),
        resources=resource,
        prompts=prompt,
        allow_unmatched=allow_unmatched or None,
    )
    key_id = admin.resolve_id(client_keys.list_all(user=None), key)
    warn_of(admin, admin.submit(subscriptions.put(key_id, mcp, choice), SUBSCRIPTION))


@verb(app, "remove", destroys=True)
def remove(admin: Invocation, key: Key, mcp: Mcp) -> None:
    """Remove a subscription: the client gets all of automatic grants, and nothing of opt-in grants.

    Example: ambassador-admin subscription remove 0198c0de time
    """
    key_id = admin.resolve_id(client_keys.list_all(user=None), key)
    admin.confirm(f"Remove the subscription of key {key_id} to {mcp}?")
    admin.send_and_say(
        subscriptions.remove(key_id, mcp), f"Removed the subscription of key {key_id} to {mcp}."
    )
