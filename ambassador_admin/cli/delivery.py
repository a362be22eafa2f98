"""Hands over a secret that the server says this once: shown, or written to a new file that only its owner reads."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ambassador_admin.api.request import Request, shown
from ambassador_admin.context import AdminContext
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, ReaderGoneError
from ambassador_admin.output import Format, Item, View

KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="Write the key there, 0600, instead of showing it."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A kind of key: `field` of the answer holds the secret, `key` describes it and names it by its `handle`.

    `noun` is what commands call it, and `advice` what to do with it.
    """

    noun: str
    field: str
    handle: str
    advice: str
    described: View
    issued: View

    def of(self, issued: Item) -> str:
        """Return the secret."""
        secret = issued.get(self.field)
        if not isinstance(secret, str) or not secret.isprintable():
            raise BadAnswerError("The server issued a key without saying it.", hint=self.listing)
        return secret

    def name(self, issued: Item) -> str:
        """Return what the key is called in commands."""
        return str(_described(issued).get(self.handle))

    @property
    def listing(self) -> str:
        """Return the command that lists the keys."""
        return f"ambassador-admin {self.noun} list"


def hand_over(admin: AdminContext, request: Request, kind: Secret, key_file: Path | None) -> None:
    """Send the request and deliver the secret of its answer."""
    if key_file is None or admin.options.dry_run:
        issued = admin.apply(request, kind.issued)
        if issued is not None:
            _deliver(admin, issued, kind)
        return
    with _NewFile(key_file, kind) as file:
        issued = admin.apply(request, kind.described)
        if issued is not None:
            file.write(kind.of(issued))
            admin.output.record(kind.described, _described(issued))
            admin.output.say(f"The key is in {key_file}; only you can read it.")


def _deliver(admin: AdminContext, issued: Item, kind: Secret) -> None:
    try:
        _show(admin, issued, kind)
    except ReaderGoneError:
        raise AdminError(
            "A key was issued, nobody read it, and it is lost.",
            hint=f"ambassador-admin {kind.noun} revoke {shown(kind.name(issued))}",
        ) from None


def _show(admin: AdminContext, issued: Item, kind: Secret) -> None:
    output = admin.output
    if output.fields is not None or output.format not in (Format.TABLE, Format.WIDE):
        output.record(kind.issued, issued)
        return
    # The key alone on stdout, so that a script can take it as it is.
    output.write(kind.of(issued))
    output.advise(
        f"Above is the key ({kind.handle} {kind.name(issued)}). It is not shown again and cannot be recovered: "
        f"{kind.advice}"
    )


def _described(issued: Item) -> Item:
    key = issued.get("key")
    return key if isinstance(key, dict) else {}


class _NewFile:
    """A file that must not exist yet, made before the key is and gone again when there is none to write."""

    def __init__(self, path: Path, kind: Secret) -> None:
        self._path = path
        self._kind = kind
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
                hint=f"{self._kind.listing}, then {self._kind.noun} revoke",
            ) from None
        self._written = True
