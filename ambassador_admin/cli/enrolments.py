"""The `enrolment` commands: one-time codes that can still be exchanged for a key; `key enrol` issues them."""

from typing import Annotated

import typer

from ambassador_admin.api import enrolments
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.several import listed, send_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.enrolments import EnrolmentView

ENROLMENT = View(
    "enrolments",
    (
        Column("ID", "id", id=True),
        Column("USER", "user", whole=True),
        Column("NAME", "name"),
        Column("EXPIRES", "expires_at", relative_time),
        Column("BY", "created_by"),
        Column("CREATED", "created_at", relative_time, wide=True),
    ),
    fields_of(EnrolmentView),
)

app = noun("One-time codes that were not used yet; key enrol issues them.")


@verb(app, "list", watch=True)
def list_all(
    admin: Invocation,
    list_options: ListOptions,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only those of this user."), NameKind.USER
    ] = None,
) -> None:
    """List the one-time codes that can still be exchanged; the codes themselves are not shown.

    Example: ambassador-admin enrolment list --user alice
    """
    list_options.show(admin, enrolments.list_all(user=user), ENROLMENT)


@verb(app, "cancel", destroys=True)
def cancel(
    admin: Invocation,
    enrolment_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="The enrolments' ids, or their beginnings."),
        NameKind.ENROLMENT,
    ],
) -> None:
    """Cancel one-time codes before they expire; a key that one was exchanged for stays valid.

    Example: ambassador-admin enrolment cancel 0198c0de
    """
    whole_ids = admin.resolve_ids(enrolments.list_all(user=None), enrolment_ids)
    admin.confirm(f"Cancel enrolment {listed(whole_ids)}?")
    send_each(admin, whole_ids, enrolments.cancel, lambda each: f"Cancelled enrolment {each}.")
