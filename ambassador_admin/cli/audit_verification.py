"""`audit verify` and `audit key`: whether the log is whole, by the server's word or by a copy of the files alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ambassador_admin.api import audit
from ambassador_admin.cli.command import verb
from ambassador_admin.cli.parsing import parse_time
from ambassador_admin.context.invocation import Invocation
from ambassador_admin.errors import AdminError, NotFoundError, UsageError
from ambassador_admin.output import View
from ambassador_admin.output.view import Column, exact_time, fields_of
from ambassador_protocol.audit.lines import Tip
from ambassador_protocol.audit.public_keys import (
    InvalidPublicKeyError,
    MissingCryptographyError,
    PublicKey,
    parse_public_keys,
)
from ambassador_protocol.audit.verify import TimeRange, WriterVerification, verify
from ambassador_protocol.problems import ProblemCode

FINDING = View(
    "logs",
    (
        Column("WRITER", "writer"),
        Column("OK", "ok", status=True),
        Column("RECORDS", "records"),
        Column("CHECKPOINTS", "checkpoints"),
        Column("PROVED TO", "covered_seq"),
        Column("PROVED AT", "covered_at", exact_time, wide=True),
        Column("UNCOVERED", "uncovered"),
        Column("LAST", "seq"),
        Column("DIGEST", "digest", wide=True, whole=True),
        Column("SEGMENTS", "segments", wide=True),
        Column("ENDED IN ORDER", "is_closed", wide=True),
        Column("PROBLEM", "fault.place", whole=True),
    ),
    ("writer", "ok", *(name for name in fields_of(WriterVerification) if name != "writer")),
)
KEY = View(
    "keys",
    (Column("ID", "id", whole=True), Column("SIGNS", "signs"), Column("KEY", "pem")),
    ("id", "signs", "pem"),
)

_INSTALL = "pipx inject mcp-ambassador cryptography, or pip install 'mcp-ambassador[audit]'"


def register(group: typer.Typer) -> None:
    """Add the verbs to `audit`."""
    verb(group, "verify")(verify_log)
    verb(group, "key")(show_key)


def verify_log(
    admin: Invocation,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Leave out segments that ended before.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Leave out segments that began after.")
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option("--offline", metavar="DIR", help="A copy of the audit directory; asks no server."),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="PUB.pem", help="With --offline: a public key to believe."),
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            "--anchor", metavar="W:SEQ:DIGEST", help="With --offline: a line that was kept elsewhere."
        ),
    ] = None,
) -> None:
    """Prove that no record was changed, removed or added; exit code 1 names the first that was.

    Example: ambassador-admin audit verify --offline ./audit --key audit-key.pem
    """
    now = admin.environment.now()
    time_range = TimeRange(since=parse_time(since, now, "--from"), until=parse_time(until, now, "--to"))
    if offline is None:
        if key or anchor:
            raise UsageError("--key and --anchor go with --offline.", hint="add --offline DIR")
        found = list(admin.api.items(audit.verification(time_range.since, time_range.until)))
    else:
        found = _verify_copy(offline, key or [], anchor or [], time_range)
    admin.output.rows(FINDING, found)
    _tell_limits(admin, found)
    _refuse_broken(found)


def show_key(admin: Invocation) -> None:
    """Show the public keys that checkpoints are signed with, to be kept where the server cannot change them.

    Example: ambassador-admin audit key
    """
    keys = list(admin.api.items(audit.keys()))
    if admin.output.requested_format is None and admin.output.fields is None:
        admin.output.write("".join(str(item.get("pem")) for item in keys).rstrip("\n"))
    else:
        admin.output.rows(KEY, keys)


def _verify_copy(
    directory: Path, key_files: Sequence[Path], anchors: Sequence[str], time_range: TimeRange
) -> list[dict[str, Any]]:
    if not key_files:
        raise UsageError(
            "--offline needs --key: whoever could change the files could also have signed them anew.",
            hint="ambassador-admin audit key > audit-key.pem",
        )
    if not directory.is_dir():
        raise NotFoundError(f"{directory} is no directory.", hint="a copy of <data-dir>/audit")
    keys = [key for file in key_files for key in _keys_of(file)]
    try:
        return verify(directory, keys, time_range=time_range, anchors=dict(map(_anchor, anchors))).documents()
    except MissingCryptographyError as error:
        raise AdminError(str(error), hint=_INSTALL) from None
    except OSError as error:
        raise AdminError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _keys_of(file: Path) -> list[PublicKey]:
    try:
        return parse_public_keys(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no {file}.") from None
    except OSError as error:
        raise AdminError(f"{file} cannot be read: {error.strerror}.") from None
    except (InvalidPublicKeyError, UnicodeDecodeError):
        raise UsageError(
            f"{file} holds no Ed25519 public key in PEM.", hint="ambassador-admin audit key > audit-key.pem"
        ) from None


def _anchor(text: str) -> tuple[str, Tip]:
    writer, seq, digest = [*text.rsplit(":", 2), "", ""][:3]
    if not (writer and seq.isascii() and seq.isdecimal() and len(digest) == 64):
        raise UsageError(
            f"--anchor: {text!r} is not WRITER:SEQ:DIGEST.", hint="as `audit verify -o json` showed them"
        )
    return writer, Tip(int(seq), digest.lower())


def _tell_limits(admin: Invocation, found: Sequence[dict[str, Any]]) -> None:
    for each in found:
        if each.get("fault") is not None:
            continue
        name = each.get("writer")
        if torn := each.get("torn"):
            admin.output.warn(
                f"{name}: {torn['size']} bytes of a line that was never finished stand at the end."
            )
        if uncovered := each.get("uncovered"):
            records = (
                "record after the last checkpoint is"
                if uncovered == 1
                else "records after the last checkpoint are"
            )
            admin.output.warn(f"{name}: {uncovered} {records} not covered yet.")


def _refuse_broken(found: Sequence[dict[str, Any]]) -> None:
    places = [str(each["fault"].get("place")) for each in found if each.get("fault") is not None]
    if places:
        more = f" {len(places) - 1} more logs are broken." if len(places) > 1 else ""
        raise AdminError(
            f"The audit log is broken: {places[0]}.{more}",
            code=ProblemCode.AUDIT_BROKEN,
            hint="keep the directory as evidence, and compare it with a copy",
        )
