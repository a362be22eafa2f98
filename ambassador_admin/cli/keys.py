"""`key`: the preshared keys of users' clients."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_admin.api import keys
from ambassador_admin.api.request import Request
from ambassador_admin.cli.command import noun, verb
from ambassador_admin.cli.values import seconds
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, ReaderGoneError
from ambassador_admin.output import Format, Item, View
from ambassador_admin.output.view import Column, fields_of, when
from ambassador_protocol.admin.keys import KeyRotation, KeyView, NewKey

KEY = View(
    "keys",
    (
        Column("ID", "id", id=True),
        Column("USER", "user"),
        Column("NAME", "name"),
        Column("STATUS", "status", status=True),
        Column("PREFIX", "prefix", wide=True),
        Column("EXPIRES", "expires_at", when),
        Column("LAST USED", "last_used_at", when),
        Column("LAST HOST", "last_host", wide=True),
        Column("CREATED", "created_at", when, wide=True),
    ),
    fields_of(KeyView),
)
ISSUED = View(
    "keys",
    (Column("ID", "key.id"), Column("KEY", "preshared_key")),
    (*fields_of(KeyView, "key."), "preshared_key"),
)

KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Write the key there, 0600, instead of showing it."),
]

app = noun("The preshared keys of users' clients.")


@verb(app, "issue", changes=True)
def issue(
    admin: AdminContext,
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose key.")],
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What the key is for, such as a machine.")
    ],
    duration: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="Expire by itself after 30d, 52w, …")
    ] = None,
    key_file: KeyFile = None,
) -> None:
    """Make a key for a user's client. It is shown this once.

    Example: ambassador-admin key issue alice --name laptop --key-file alice.key
    """
    _hand_over(
        admin, keys.issue(NewKey(user=user, name=name, expires_in_seconds=seconds(duration))), key_file
    )


@verb(app, "rotate", changes=True)
def rotate(
    admin: AdminContext,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, or its beginning.")],
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="DURATION", help="How long the old key stays good.")
    ] = "24h",
    key_file: KeyFile = None,
) -> None:
    """Make a key in place of another, which stays good for the overlap. The new one is shown this once.

    Example: ambassador-admin key rotate 0198c0de --overlap 7d
    """
    key_id = admin.full_id(keys.every(user=None), key_id)
    rotation = KeyRotation(overlap_seconds=seconds(overlap) or 0)
    _hand_over(admin, keys.rotate(key_id, rotation), key_file)


@verb(app, "list")
def list_all(
    admin: AdminContext,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Only this user's keys.")] = None,
) -> None:
    """List the client keys.

    Example: ambassador-admin key list --user alice
    """
    admin.show_list(keys.every(user=user), KEY)


@verb(app, "revoke", destroys=True)
def revoke(
    admin: AdminContext,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, or its beginning.")],
) -> None:
    """End a key at once and for good.

    Example: ambassador-admin key revoke 0198c0de
    """
    key_id = admin.full_id(keys.every(user=None), key_id)
    admin.confirm(f"Revoke key {key_id} for good?")
    admin.submit(keys.revoke(key_id), KEY)


def _hand_over(admin: AdminContext, request: Request, key_file: Path | None) -> None:
    if key_file is None or admin.options.dry_run:
        issued = admin.apply(request, ISSUED)
        if issued is not None:
            _deliver(admin, issued)
        return
    with _NewFile(key_file) as file:
        issued = admin.apply(request, KEY)
        if issued is not None:
            file.write(_secret(issued))
            admin.output.record(KEY, _without_secret(issued))
            admin.output.say(f"The key is in {key_file}; only you can read it.")


def _deliver(admin: AdminContext, issued: Item) -> None:
    try:
        _show(admin, issued)
    except ReaderGoneError:
        raise AdminError(
            "A key was issued, nobody read it, and it is lost.",
            hint=f"ambassador-admin key revoke {_id(issued)}",
        ) from None


def _show(admin: AdminContext, issued: Item) -> None:
    output = admin.output
    if output.fields is not None or output.format not in (Format.TABLE, Format.WIDE):
        output.record(ISSUED, issued)
        return
    # The key alone on stdout, so that a script can take it as it is.
    output.write(_secret(issued))
    output.advise(
        f"Above is the key (id {_id(issued)}). It is not shown again and cannot be recovered: hand it to the user "
        "over a private channel; ambassador-client takes it from MCP_AMBASSADOR_PRESHARED_KEY."
    )


def _secret(issued: Item) -> str:
    secret = issued.get("preshared_key")
    if not isinstance(secret, str) or not secret.isprintable():
        raise BadAnswerError("The server issued a key without saying it.", hint="ambassador-admin key list")
    return secret


def _id(issued: Item) -> Any:
    return _without_secret(issued).get("id")


def _without_secret(issued: Item) -> Item:
    key = issued.get("key")
    return key if isinstance(key, dict) else {}


class _NewFile:
    """A file that must not exist yet, made before the key is and gone again when there is none to write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def __enter__(self) -> "_NewFile":
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConflictError(f"{self._path} exists already.", hint="name another --key-file") from None
        except OSError as error:
            raise AdminError(f"{self._path} cannot be written: {error.strerror}.") from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._written:
            self._path.unlink(missing_ok=True)

    def write(self, secret: str) -> None:
        """Write the secret and a line end."""
        try:
            os.write(self._descriptor, f"{secret}\n".encode())
            os.fsync(self._descriptor)
        except OSError as error:
            raise AdminError(
                f"{self._path} cannot be written: {error.strerror}. A key was issued and is lost.",
                hint="ambassador-admin key list, then key revoke",
            ) from None
        self._written = True
