"""The `context` commands: the servers that this user has logged in to."""

from typing import Annotated

import typer

from ambassador_admin.cli.command import noun, verb
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column

CONTEXT = View(
    "contexts",
    (
        Column("NAME", "name", whole=True),
        Column("CURRENT", "current"),
        Column("SERVER", "server"),
        Column("CA FILE", "ca_file", wide=True),
    ),
    ("name", "current", "server", "ca_file"),
)

app = noun("The servers you have logged in to.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The context's name."), NameKind.CONTEXT]


@verb(app, "list")
def list_all(admin: Invocation) -> None:
    """List the contexts.

    Example: ambassador-admin context list
    """
    current = admin.contexts.current()
    rows = [
        {
            "name": known.name,
            "current": known.name == current,
            "server": known.server,
            "ca_file": known.ca_file,
        }
        for known in admin.contexts.all()
    ]
    admin.output.rows(CONTEXT, rows)


@verb(app, "use", changes=True)
def use(admin: Invocation, name: Name) -> None:
    """Make a context the current one.

    Example: ambassador-admin context use staging
    """
    context = admin.contexts.get(name)
    if not admin.skips_in_dry_run(f"use context {name!r}"):
        admin.contexts.use(name)
        admin.output.say(f"Now using {name!r}: {context.server}")


@verb(app, "remove", changes=True)
def remove(admin: Invocation, name: Name) -> None:
    """Delete a context and its key.

    Example: ambassador-admin context remove staging
    """
    admin.contexts.get(name)
    was_current = admin.contexts.current() == name
    if not admin.skips_in_dry_run(f"remove context {name!r} and its key"):
        admin.forget_key(name)
        admin.contexts.remove(name)
        current = None if was_current else admin.contexts.current()
        admin.output.say(f"Removed context {name!r}. {_current(current)}")


def _current(name: str | None) -> str:
    if name is not None:
        return f"The current context is {name!r}."
    return "No context is current; choose one: ambassador-admin context use NAME"
