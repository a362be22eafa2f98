"""The `group` commands: groups of users, which grants are given to."""

from typing import Annotated

import typer

from ambassador_admin.api import groups
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.several import listed, send_each, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.groups import GroupPut, GroupView, NewGroup

GROUP = View(
    "groups",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("MEMBERS", "members"),
        Column("DESCRIPTION", "description"),
        Column("OWNER", "owner", wide=True),
        Column("DESCRIBED BY", "described_by", wide=True),
        Column("CREATED", "created_at", relative_time),
    ),
    fields_of(GroupView),
)

app = noun("Groups of users, which grants are given to.")

NewName = Annotated[str, typer.Argument(metavar="NAME", help="The group's name.")]
Name = Annotated[NewName, NameKind.GROUP]
Names = Annotated[list[str], typer.Argument(metavar="NAME", help="The groups' names."), NameKind.GROUP]
Users = Annotated[list[str], typer.Argument(metavar="USER", help="The users' names."), NameKind.USER]


@verb(app, "create", changes=True)
def create(
    admin: Invocation,
    name: NewName,
    description: Annotated[
        str, typer.Option("--description", metavar="TEXT", help="What the group is for.")
    ] = "",
) -> None:
    """Create a group.

    Example: ambassador-admin group create developers --description 'Our code'
    """
    admin.submit(groups.create(NewGroup(name=name, description=description)), GROUP)


@verb(app, "list", watch=True)
def list_all(admin: Invocation, list_options: ListOptions) -> None:
    """List the groups.

    Example: ambassador-admin group list
    """
    list_options.show(admin, groups.list_all(), GROUP)


@verb(app, "show")
def show(admin: Invocation, name: Name) -> None:
    """Show one group.

    Example: ambassador-admin group show developers
    """
    admin.show_one(groups.show(name), GROUP)


@verb(app, "update", changes=True)
def update(
    admin: Invocation,
    name: Name,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What the group is for.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="WORD",
            help="active or suspended; the grants of a suspended group have no effect.",
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="LABEL", help="The label of the declarative file that owns it; '' for none."
        ),
    ] = None,
) -> None:
    """Change a group; options that are not given change nothing.

    Example: ambassador-admin group update developers --status suspended
    """
    facts = GroupPut(description=description, status=status, owner=owner)
    if facts == GroupPut():
        raise UsageError("Nothing to change.", hint="ambassador-admin group update --help")
    admin.submit(groups.update(name, facts), GROUP)


@verb(app, "delete", destroys=True)
def delete(admin: Invocation, names: Names) -> None:
    """Delete groups with their memberships and grants; the users stay.

    Example: ambassador-admin group delete developers --yes
    """
    admin.confirm(f"Delete group {listed(names)} with all memberships and grants?")
    send_each(admin, names, groups.remove, lambda name: f"Deleted group {name}.")


@verb(app, "add-member", changes=True)
def add_member(admin: Invocation, name: Name, users: Users) -> None:
    """Add users to a group.

    Example: ambassador-admin group add-member developers alice bob
    """
    submit_each(admin, users, lambda user: groups.add_member(name, user), GROUP, same_object=True)


@verb(app, "remove-member", changes=True)
def remove_member(admin: Invocation, name: Name, users: Users) -> None:
    """Remove users from a group.

    Example: ambassador-admin group remove-member developers alice
    """
    submit_each(admin, users, lambda user: groups.remove_member(name, user), GROUP, same_object=True)
