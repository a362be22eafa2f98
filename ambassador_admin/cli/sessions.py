"""`session`: the client processes that are registered now."""

from typing import Annotated

import typer

from ambassador_admin.api import sessions
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import Rows
from ambassador_admin.completion.kinds import Kind
from ambassador_admin.context import AdminContext
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, when
from ambassador_protocol.admin.sessions import SessionView

SESSION = View(
    "sessions",
    (
        Column("ID", "id", id=True),
        Column("USER", "user", whole=True),
        Column("KEY", "key"),
        Column("ON", "friendly_name"),
        Column("HOST", "host_tool"),
        Column("SEEN", "last_seen_at", when),
        Column("OPENED", "created_at", when, wide=True),
        Column("EXPIRES", "expires_at", when, wide=True),
        Column("ENDED", "ended_at", when, wide=True),
    ),
    fields_of(SessionView),
)

app = noun("The client processes that are registered now.")


@verb(app, "list")
def list_all(
    admin: AdminContext,
    rows: Rows,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only this user's."), Kind.USER
    ] = None,
) -> None:
    """List the open sessions.

    Example: ambassador-admin session list --user alice
    """
    rows.show(admin, sessions.every(user=user), SESSION)


@verb(app, "revoke", destroys=True)
def revoke(
    admin: AdminContext,
    session_id: Annotated[
        str, typer.Argument(metavar="ID", help="The session's id, or its beginning."), Kind.SESSION
    ],
) -> None:
    """End a session; its client registers anew unless its key is revoked, too.

    Example: ambassador-admin session revoke 0198c0de
    """
    session_id = admin.full_id(sessions.every(user=None), session_id)
    admin.confirm(f"Revoke session {session_id}?")
    admin.submit(sessions.revoke(session_id), SESSION)
