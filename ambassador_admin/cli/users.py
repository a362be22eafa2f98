"""`user`: the people tools are published for."""

from typing import Annotated

import typer

from ambassador_admin.api import users
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.context import AdminContext
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, when
from ambassador_protocol.admin.users import NewUser, UserChange, UserView

USER = View(
    "users",
    (
        Column("NAME", "name", whole=True),
        Column("STATUS", "status", status=True),
        Column("GROUPS", "groups"),
        Column("DISPLAY NAME", "display_name", wide=True),
        Column("EMAIL", "email", wide=True),
        Column("CREATED", "created_at", when),
    ),
    fields_of(UserView),
)

app = noun("The people tools are published for.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@verb(app, "create", changes=True)
def create(
    admin: AdminContext,
    name: Name,
    display_name: Annotated[
        str | None, typer.Option("--display-name", metavar="TEXT", help="The full name.")
    ] = None,
    email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="The mail address.")] = None,
) -> None:
    """Add a user.

    Example: ambassador-admin user create alice --email alice@example.com
    """
    if admin.submit(users.create(NewUser(name=name, display_name=display_name, email=email)), USER):
        admin.output.advise(
            f"Next: ambassador-admin group add-member GROUP {name}; ambassador-admin key issue {name}"
        )


@verb(app, "list")
def list_all(admin: AdminContext) -> None:
    """List the users.

    Example: ambassador-admin user list -o json
    """
    admin.show_list(users.every(), USER)


@verb(app, "show")
def show(admin: AdminContext, name: Name) -> None:
    """Show one user.

    Example: ambassador-admin user show alice
    """
    admin.show_one(users.one(name), USER)


@verb(app, "suspend", changes=True)
def suspend(admin: AdminContext, name: Name) -> None:
    """Stop a user's keys from working, until `activate`.

    Example: ambassador-admin user suspend alice
    """
    admin.submit(users.change(name, UserChange(status="suspended")), USER)


@verb(app, "activate", changes=True)
def activate(admin: AdminContext, name: Name) -> None:
    """Let a suspended user's keys work again.

    Example: ambassador-admin user activate alice
    """
    admin.submit(users.change(name, UserChange(status="active")), USER)


@verb(app, "deactivate", destroys=True)
def deactivate(admin: AdminContext, name: Name) -> None:
    """End a user's access, as for somebody who left; `activate` undoes it.

    Example: ambassador-admin user deactivate alice --yes
    """
    admin.confirm(f"Deactivate user {name}?")
    admin.submit(users.change(name, UserChange(status="deactivated")), USER)
