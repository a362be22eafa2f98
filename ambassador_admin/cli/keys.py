"""`key`: the preshared keys of users' clients."""

from typing import Annotated

import typer

from ambassador_admin.api import enrolments, keys
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issued_secrets import KeyFile, SecretKind, ToCommand, issue_secret
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.enrolments import IssuedEnrolment, NewEnrolment
from ambassador_protocol.admin.keys import KeyChange, KeyPut, KeyRotation, KeyView, NewKey

KEY = View(
    "keys",
    (
        Column("ID", "id", id=True),
        Column("USER", "user"),
        Column("NAME", "name"),
        Column("STATUS", "status", status=True),
        Column("PREFIX", "prefix", wide=True),
        Column("EXPIRES", "expires_at", relative_time),
        Column("LAST USED", "last_used_at", relative_time),
        Column("LAST HOST", "last_host", wide=True),
        Column("OWNER", "owner", wide=True),
        Column("CREATED", "created_at", relative_time, wide=True),
    ),
    fields_of(KeyView),
)
ISSUED = View(
    "keys",
    (Column("ID", "key.id"), Column("KEY", "preshared_key")),
    (*fields_of(KeyView, "key."), "preshared_key"),
)
ENROLMENT = View(
    "codes",
    (
        Column("USER", "user"),
        Column("NAME", "name"),
        Column("CODE", "code", whole=True),
        Column("EXPIRES", "expires_at", relative_time),
    ),
    fields_of(IssuedEnrolment),
)

CLIENT_KEY = SecretKind(
    noun="key",
    field="preshared_key",
    handle="id",
    advice="hand it to the user over a private channel; ambassador-client takes it from "
    "MCP_AMBASSADOR_PRESHARED_KEY.",
    described=KEY,
    issued=ISSUED,
    revoke=keys.revoke,
)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or its beginning."), NameKind.KEY]

app = noun("The preshared keys of users' clients.")


@verb(app, "issue", changes=True)
def issue(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose key."), NameKind.USER],
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What the key is for, such as a machine.")
    ],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire by itself after 30d, 52w, …")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="LABEL", help="The declarative file the key belongs to.")
    ] = None,
    if_missing: Annotated[
        bool,
        typer.Option("--if-missing", help="Issue nothing when the user has a good key of this name."),
    ] = False,
    key_file: KeyFile = None,
    to_command: ToCommand = None,
) -> None:
    """Make a key for a user's client. It is shown this once.

    Example: ambassador-admin key issue alice --name laptop --key-file alice.key
    """
    lasts = parse_duration(duration)
    if if_missing:
        request = keys.ensure(user, name, KeyPut(expires_in_seconds=lasts, owner=owner))
    else:
        request = keys.issue(NewKey(user=user, name=name, expires_in_seconds=lasts, owner=owner))
    issue_secret(admin, request, CLIENT_KEY, key_file, to_command, may_exist=if_missing)


@verb(app, "enrol", changes=True)
def enrol(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose key it will be."), NameKind.USER],
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What the key is for, such as a machine.")
    ] = "client",
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long the code works, a day at most.")
    ] = "15m",
    key_duration: Annotated[
        str | None,
        typer.Option(
            "--key-for", metavar="DURATION", help="How long the key lasts from then on: 90d, 52w, …"
        ),
    ] = None,
) -> None:
    """Make a one-time code that the user's client exchanges for a key of its own. It is shown this once.

    Nobody but the client ever sees the key. The code can be read out over the telephone.

    Example: ambassador-admin key enrol alice --name laptop --key-for 90d
    """
    wanted = NewEnrolment(
        user=user,
        name=name,
        expires_in_seconds=parse_duration(duration) or 0,
        key_expires_in_seconds=parse_duration(key_duration, "--key-for"),
    )
    if admin.submit(enrolments.issue(wanted), ENROLMENT) is not None:
        admin.output.say("The user runs: ambassador-client login URL-OF-THE-SERVER --code CODE")


@verb(app, "rotate", changes=True)
def rotate(
    admin: Invocation,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="DURATION", help="How long the old key stays good.")
    ] = "24h",
    key_file: KeyFile = None,
    to_command: ToCommand = None,
) -> None:
    """Make a key in place of another, which stays good for the overlap. The new one is shown this once.

    It takes over the subscriptions. The old key ends with the overlap even if the new one cannot be handed over.

    Example: ambassador-admin key rotate 0198c0de --overlap 7d
    """
    key_id = admin.resolve_id(keys.list_all(user=None), key_id)
    rotation = KeyRotation(overlap_seconds=parse_duration(overlap) or 0)
    issue_secret(admin, keys.rotate(key_id, rotation), CLIENT_KEY, key_file, to_command)


@verb(app, "list")
def list_all(
    admin: Invocation,
    list_options: ListOptions,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only this user's keys."), NameKind.USER
    ] = None,
) -> None:
    """List the client keys.

    Example: ambassador-admin key list --user alice
    """
    list_options.show(admin, keys.list_all(user=user), KEY)


@verb(app, "suspend", changes=True)
def suspend(admin: Invocation, key_id: KeyId) -> None:
    """Put a key out of use until it is activated again; it holds from the next call on.

    Example: ambassador-admin key suspend 0198c0de
    """
    _set_status(admin, key_id, "suspended")


@verb(app, "activate", changes=True)
def activate(admin: Invocation, key_id: KeyId) -> None:
    """Make a suspended key good again.

    Example: ambassador-admin key activate 0198c0de
    """
    _set_status(admin, key_id, "active")


@verb(app, "revoke", destroys=True)
def revoke(
    admin: Invocation,
    key_id: KeyId,
) -> None:
    """End a key at once and for good.

    Example: ambassador-admin key revoke 0198c0de
    """
    key_id = admin.resolve_id(keys.list_all(user=None), key_id)
    admin.confirm(f"Revoke key {key_id} for good?")
    admin.submit(keys.revoke(key_id), KEY)


def _set_status(admin: Invocation, key_id: str, status: str) -> None:
    key_id = admin.resolve_id(keys.list_all(user=None), key_id)
    admin.submit(keys.change(key_id, KeyChange(status=status)), KEY)
