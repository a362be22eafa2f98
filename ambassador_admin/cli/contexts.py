"""`context`: the servers this user has logged in to."""

from typing import Annotated

import typer

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.completion.kinds import Kind
from ambassador_admin.context import AdminContext
from ambassador_admin.output import View
from ambassador_admin.output.view import Column

CONTEXT = View(
    "contexts",
    (
        Column("NAME", "name", whole=True),
        Column("CURRENT", "current"),
        Column("SERVER", "server"),
        Column("PROVED BY", "ca_file", wide=True),
    ),
    ("name", "current", "server", "ca_file"),
)

app = noun("The servers you have logged in to.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The context's name."), Kind.CONTEXT]


@verb(app, "list")
def list_all(admin: AdminContext) -> None:
    """List the contexts.

    Example: ambassador-admin context list
    """
    current = admin.book.current()
    rows = [
        {
            "name": known.name,
            "current": known.name == current,
            "server": known.server,
            "ca_file": known.ca_file,
        }
        for known in admin.book.all()
    ]
    admin.output.rows(CONTEXT, rows)


@verb(app, "use", changes=True)
def use(admin: AdminContext, name: Name) -> None:
    """Make a context the current one.

    Example: ambassador-admin context use staging
    """
    context = admin.book.get(name)
    if not admin.skips(f"use context {name!r}"):
        admin.book.use(name)
        admin.output.say(f"Now using {name!r}: {context.server}")


@verb(app, "remove", changes=True)
def remove(admin: AdminContext, name: Name) -> None:
    """Forget a context and its key.

    Example: ambassador-admin context remove staging
    """
    admin.book.get(name)
    if not admin.skips(f"remove context {name!r} and its key"):
        admin.forget_key(name)
        admin.book.remove(name)
        admin.output.say(f"Removed context {name!r}.")
