"""The `key` commands: client keys of users."""

from functools import partial
from typing import Annotated

import typer

from ambassador_admin.api import client_keys, enrolments
from ambassador_admin.cli.client_login import login_command
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.issued_secrets import KeyFile, SecretKind, ToCommand, issue_secret
from ambassador_admin.cli.list_options import ListOptions
from ambassador_admin.cli.meta_tool_options import KeyMetaToolsOption
from ambassador_admin.cli.parsing import parse_duration
from ambassador_admin.cli.several import listed, submit_each
from ambassador_admin.completion.kinds import NameKind
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, fields_of, relative_time
from ambassador_protocol.admin.client_keys import KeyChange, KeyPut, KeyRotation, KeyView, NewKey
from ambassador_protocol.admin.enrolments import IssuedEnrolment, NewEnrolment

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
        Column("META-TOOLS", "meta_tools", wide=True),
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
        Column("TO SEND", "login", whole=True),
    ),
    (*fields_of(IssuedEnrolment), "login"),
)

CLIENT_KEY = SecretKind(
    noun="key",
    field="preshared_key",
    handle="id",
    advice="give it to the user over a private channel; ambassador-client reads "
    "MCP_AMBASSADOR_PRESHARED_KEY.",
    described=KEY,
    issued=ISSUED,
    revoke=client_keys.revoke,
)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or its beginning."), NameKind.KEY]
KeyIds = Annotated[
    list[str], typer.Argument(metavar="ID", help="The keys' ids, or their beginnings."), NameKind.KEY
]

app = noun("Client keys of users.")


@verb(app, "issue", changes=True)
def issue(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user of the key."), NameKind.USER],
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What the key is for, such as a machine.")
    ],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire after 30d, 52w, …")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="LABEL", help="The label of the declarative file that owns the key."),
    ] = None,
    if_missing: Annotated[
        bool,
        typer.Option("--if-missing", help="Issue nothing if the user has a valid key of this name."),
    ] = False,
    meta_tools: KeyMetaToolsOption = None,
    key_file: KeyFile = None,
    to_command: ToCommand = None,
) -> None:
    """Issue a key for a user's client. It is shown only once.

    Example: ambassador-admin key issue alice --name laptop --key-file alice.key
    """
    lifetime = parse_duration(duration)
    if if_missing:
        wanted = KeyPut(expires_in_seconds=lifetime, owner=owner, meta_tools=meta_tools)
        request = client_keys.ensure(user, name, wanted)
    else:
        new = NewKey(user=user, name=name, expires_in_seconds=lifetime, owner=owner, meta_tools=meta_tools)
        request = client_keys.issue(new)
    issue_secret(admin, request, CLIENT_KEY, key_file, to_command, may_exist=if_missing)


@verb(app, "enrol", changes=True)
def enrol(
    admin: Invocation,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user of the future key."), NameKind.USER],
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What the key is for, such as a machine.")
    ] = "client",
    duration: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long the code is valid, at most a day.")
    ] = "15m",
    key_duration: Annotated[
        str | None,
        typer.Option(
            "--key-for", metavar="DURATION", help="How long the key is valid after that: 90d, 52w, …"
        ),
    ] = None,
) -> None:
    """Issue a one-time code that the user's client exchanges for a key. The code is shown only once.

    Only the client sees the key. The code is short enough to be read out over the telephone; the line TO SEND has all
    that the user needs.

    Example: ambassador-admin key enrol alice --name laptop --key-for 90d
    """
    wanted = NewEnrolment(
        user=user,
        name=name,
        expires_in_seconds=parse_duration(duration) or 0,
        key_expires_in_seconds=parse_duration(key_duration, "--key-for"),
    )
    issued = admin.send_change(enrolments.issue(wanted), ENROLMENT)
    if issued is not None:
        admin.output.record(ENROLMENT, {**issued, "login": login_command(admin, str(issued.get("code")))})
        admin.output.advise("The user runs the line TO SEND, where ambassador-client is installed.")


@verb(app, "rotate", changes=True)
def rotate(
    admin: Invocation,
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="DURATION", help="How long the old key stays valid.")
    ] = "24h",
    key_file: KeyFile = None,
    to_command: ToCommand = None,
) -> None:
    """Issue a key that replaces another, which stays valid for the overlap. The new key is shown only once.

    The new key takes over the subscriptions. The old key ends after the overlap even if the new one is not delivered.

    Example: ambassador-admin key rotate 0198c0de --overlap 7d
    """
    key_id = admin.resolve_id(client_keys.list_all(user=None), key_id)
    rotation = KeyRotation(overlap_seconds=parse_duration(overlap) or 0)
    issue_secret(admin, client_keys.rotate(key_id, rotation), CLIENT_KEY, key_file, to_command)


@verb(app, "list", watch=True)
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
    list_options.show(admin, client_keys.list_all(user=user), KEY)


@verb(app, "update", changes=True)
def update(admin: Invocation, key_ids: KeyIds, meta_tools: KeyMetaToolsOption = None) -> None:
    """Change keys; an option that is not given changes nothing.

    Example: ambassador-admin key update 0198c0de --meta-tools on
    """
    if meta_tools is None:
        raise UsageError("Nothing to change.", hint="ambassador-admin key update --help")
    _change(admin, key_ids, KeyChange(meta_tools=meta_tools))


@verb(app, "suspend", changes=True)
def suspend(admin: Invocation, key_ids: KeyIds) -> None:
    """Suspend keys until they are activated; their next call is refused.

    Example: ambassador-admin key suspend 0198c0de
    """
    _change(admin, key_ids, KeyChange(status="suspended"))


@verb(app, "activate", changes=True)
def activate(admin: Invocation, key_ids: KeyIds) -> None:
    """Activate suspended keys.

    Example: ambassador-admin key activate 0198c0de
    """
    _change(admin, key_ids, KeyChange(status="active"))


@verb(app, "revoke", destroys=True)
def revoke(
    admin: Invocation,
    key_ids: KeyIds,
    *,
    keep_replacements: Annotated[
        bool,
        typer.Option("--keep-replacements", help="Revoke only the named keys, not those that replaced them."),
    ] = False,
) -> None:
    """Revoke keys at once and permanently, and every key that replaced them.

    The holder of a stolen key may have replaced it. After a rotation that was yours, give --keep-replacements.

    Example: ambassador-admin key revoke 0198c0de
    """
    whole_ids = admin.resolve_ids(client_keys.list_all(user=None), key_ids)
    line = "" if keep_replacements else " and the keys that replaced it"
    admin.confirm(f"Revoke key {listed(whole_ids)}{line} permanently?")
    revocation = partial(client_keys.revoke, keep_replacements=keep_replacements)
    submit_each(admin, whole_ids, revocation, KEY)


def _change(admin: Invocation, key_ids: list[str], change: KeyChange) -> None:
    whole_ids = admin.resolve_ids(client_keys.list_all(user=None), key_ids)
    submit_each(admin, whole_ids, lambda key_id: client_keys.change(key_id, change), KEY)
