"""The command `audit fetch`: copies the files of the audit log, to verify them without the server."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import typer

from ambassador_admin.api import audit
from ambassador_admin.api.request import Request, quoted
from ambassador_admin.cli.command import verb
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, BadAnswerError, ConflictError, UnreachableError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, Item
from ambassador_protocol.audit.files import is_log_file, key_file_name
from ambassador_protocol.audit.public_keys import InvalidPublicKeyError, parse_public_keys

FETCHED = View(
    "files",
    (
        Column("WRITER", "writer"),
        Column("FILE", "name", whole=True),
        Column("BYTES", "size"),
        Column("FETCHED NOW", "fetched"),
        Column("CLOSED", "closed"),
    ),
    ("writer", "name", "size", "fetched", "closed"),
)

_CONTINUE: Final = "the same command continues where this one stopped"
_WRITER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def register(group: typer.Typer) -> None:
    """Register `audit fetch`."""
    verb(group, "fetch")(fetch)


def fetch(
    admin: Invocation,
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="The directory to copy to; files that are there already are completed."
        ),
    ],
) -> None:
    """Copy the audit log and its public keys to a directory, which can be verified without the server.

    Only what is missing is fetched, so the command continues after an interruption, and brings a copy up to date.

    Example: ambassador-admin audit fetch ./audit
    """
    files = [_checked(item) for item in admin.api.items(audit.files())]
    with _writing_to(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts = [_missing_part(directory, file) for file in files]
        _check_space(directory, sum(file.size - have for file, have in zip(files, parts, strict=True)))
        _write_keys(admin, directory)
        items = [_fetch_file(admin, directory, file, have) for file, have in zip(files, parts, strict=True)]
    admin.output.rows(FETCHED, items)
    admin.output.say(
        f"{sum(item['fetched'] for item in items)} bytes were fetched. Verify the copy with a key that you stored "
        f"earlier: ambassador-admin audit verify --offline {quoted(str(directory))} --key audit-key.pem"
    )


@dataclass(frozen=True, slots=True)
class _File:
    writer: str
    name: str
    size: int
    closed: bool

    @property
    def place(self) -> str:
        return f"{self.writer}/{self.name}"


def _checked(item: Item) -> _File:
    """Return a file of the server's list; one that would be written outside of the directory is refused."""
    writer, name, size, closed = (item.get(member) for member in ("writer", "name", "size", "closed"))
    is_named = (
        isinstance(writer, str) and _WRITER.fullmatch(writer) and isinstance(name, str) and is_log_file(name)
    )
    if not is_named or not isinstance(size, int) or size < 0:
        raise BadAnswerError(f"The server lists {writer}/{name}, which is no file of an audit log.")
    return _File(str(writer), str(name), size, bool(closed))


def _missing_part(directory: Path, file: _File) -> int:
    """Return how many bytes of the file are in the directory already."""
    path = directory / file.writer / file.name
    moved = path.with_suffix(".jsonl")
    if path != moved and moved.exists():
        raise ConflictError(
            f"{moved} was fetched before the server quarantined it as {file.place}.",
            hint="keep the directory as evidence, and fetch into a new one",
        )
    if path.is_symlink() or path.parent.is_symlink():
        raise ConflictError(f"{path} is a symbolic link, and nothing is written through one.")
    have = path.stat().st_size if path.exists() else 0
    if have > file.size:
        raise ConflictError(
            f"{path} has {have} bytes, but {file.place} of the server has only {file.size}: it is another log, or the "
            "server's log was cut off.",
            hint="keep the directory as evidence, and fetch into a new one",
        )
    return have


def _check_space(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise AdminError(f"{needed} bytes are missing in {directory}, where only {free} are free.")


def _write_keys(admin: Invocation, directory: Path) -> None:
    """Write the public keys beside the log, under the names that they have on the server."""
    for item in admin.api.items(audit.keys()):
        try:
            [key] = parse_public_keys(str(item.get("pem")))
        except (InvalidPublicKeyError, ValueError):
            raise BadAnswerError("The server lists a key that is no Ed25519 public key.") from None
        (directory / key_file_name(key.key_id)).write_text(key.pem(), encoding="ascii")


def _fetch_file(admin: Invocation, directory: Path, file: _File, have: int) -> dict[str, Any]:
    missing = file.size - have
    path = directory / file.writer / file.name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    with os.fdopen(os.open(path, flags, 0o600), "ab") as opened:
        if missing > 0:
            admin.output.advise(f"{file.place}: {missing} bytes")
            _download(admin, audit.file_part(file.writer, file.name, have, file.size), opened, missing)
    return {
        "writer": file.writer,
        "name": file.name,
        "size": file.size,
        "fetched": missing,
        "closed": file.closed,
    }


def _download(admin: Invocation, request: Request, opened: BinaryIO, length: int) -> None:
    try:
        admin.api.download(request, opened.write, length=length)
    except UnreachableError as error:
        error.hint = _CONTINUE
        raise


@contextmanager
def _writing_to(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        is_no_place = isinstance(error, FileExistsError | FileNotFoundError | NotADirectoryError)
        raise AdminError(
            f"{error.filename or directory} cannot be written: {error.strerror}.",
            hint="name a new directory, or one that was fetched to before" if is_no_place else _CONTINUE,
        ) from error
