"""The `session` commands: registered client processes."""

from typing import Annotated

import typer

from ambassador_admin.api import sessions
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.several import listed, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.sessions import SessionView

SESSION = View(
    "sessions",
    (
        Column("ID", "id", id=True),
        Column("USER", "user", whole=True),
        Column("KEY", "key"),
        Column("ON", "friendly_name"),
        Column("HOST", "host_tool"),
        Column("SEEN", "last_seen_at", relative_time),
        Column("OPENED", "created_at", relative_time, wide=True),
        Column("EXPIRES", "expires_at", relative_time, wide=True),
        Column("ENDED", "ended_at", relative_time, wide=True),
    ),
    fields_of(SessionView),
)

app = noun("Sessions of client processes.")


@verb(app, "list", watch=True)
def list_all(
    admin: Invocation,
    list_options: ListOptions,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only those of this user."), NameKind.USER
    ] = None,
) -> None:
    """List the open sessions.

    Example: ambassador-admin session list --user alice
    """
    list_options.show(admin, sessions.list_all(user=user), SESSION)


@verb(app, "revoke", destroys=True)
def revoke(
    admin: Invocation,
    session_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="The sessions' ids, or their beginnings."),
        NameKind.SESSION,
    ],
) -> None:
    """Revoke sessions; a client registers again unless its key is revoked, too.

    Example: ambassador-admin session revoke 0198c0de
    """
    whole_ids = admin.resolve_ids(sessions.list_all(user=None), session_ids)
    admin.confirm(f"Revoke session {listed(whole_ids)}?")
    submit_each(admin, whole_ids, sessions.revoke, SESSION)
