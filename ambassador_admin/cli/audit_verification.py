"""The commands `audit verify` and `audit key`: verify the audit log on the server, or a copy of it here."""

import sys
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
from ambassador_protocol.audit.anchors import InvalidAnchorError, parse_anchors
from ambassador_protocol.audit.lines import Tip
from ambassador_protocol.audit.public_keys import (
    InvalidPublicKeyError,
    MissingCryptographyError,
    PublicKey,
    parse_public_keys,
)
from ambassador_protocol.audit.results import WriterVerification
from ambassador_protocol.audit.verify import ANY_TIME, TimeRange, verify
from ambassador_protocol.problems import ProblemCode

FINDING = View(
    "logs",
    (
        Column("WRITER", "writer"),
        Column("OK", "ok", status=True),
        Column("RECORDS", "records"),
        Column("CHECKPOINTS", "checkpoints"),
        Column("SIGNED TO", "covered_seq"),
        Column("SIGNED AT", "covered_at", exact_time, wide=True),
        Column("UNSIGNED", "uncovered"),
        Column("ADOPTED", "adopted", wide=True),
        Column("NO OUTCOME", "without_outcome", wide=True),
        Column("LAST", "seq"),
        Column("DIGEST", "digest", wide=True, whole=True),
        Column("SEGMENTS", "segments", wide=True),
        Column("STOPPED REGULARLY", "is_closed", wide=True),
        Column("PROBLEM", "fault.place", whole=True),
    ),
    ("writer", "ok", *(name for name in fields_of(WriterVerification) if name != "writer")),
)
KEY = View(
    "keys",
    (Column("ID", "id", whole=True), Column("SIGNS", "signs"), Column("KEY", "pem")),
    ("id", "signs", "pem"),
)

_Writers = Annotated[
    list[str] | None,
    typer.Option(
        "--writer", metavar="NAME", help="With --offline: a writer that must have a log; may be repeated."
    ),
]
_Anchors = Annotated[
    list[str] | None,
    typer.Option(
        "--anchor",
        metavar="W:SEQ:DIGEST|FILE",
        help="With --offline: a line of an earlier verification, a file of `ambassador-server audit anchor`, or - for "
        "the input; may be repeated.",
    ),
]

_INSTALL = "pipx inject mcp-ambassador cryptography, or pip install 'mcp-ambassador[audit]'"


def register(group: typer.Typer) -> None:
    """Register `audit verify` and `audit key`."""
    verb(group, "verify")(verify_log)
    verb(group, "key")(show_key)


def verify_log(
    admin: Invocation,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Verify only segments with records after this time."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Verify only segments that began before this time."),
    ] = None,
    offline: Annotated[
        Path | None,
        typer.Option(
            "--offline", metavar="DIR", help="Verify a copy of the audit directory, without the server."
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key", metavar="PUB.pem", help="With --offline: a trusted public key; may be repeated."
        ),
    ] = None,
    writer: _Writers = None,
    anchor: _Anchors = None,
) -> None:
    """Verify that no record was changed, removed or added; exit code 1 if one was, with the first such record.

    Example: ambassador-admin audit verify --offline ./audit --key audit-key.pem
    """
    now = admin.environment.now()
    time_range = TimeRange(since=parse_time(since, now, "--from"), until=parse_time(until, now, "--to"))
    if offline is None:
        if key or anchor or writer:
            raise UsageError("--key, --anchor and --writer go with --offline.", hint="add --offline DIR")
        results = list(admin.api.items(audit.verification(time_range.since, time_range.until)))
    else:
        results = _verify_copy(offline, key or [], anchor or [], writer or [], time_range)
    admin.output.rows(FINDING, results)
    _raise_if_empty(results, time_range)
    _warn_of_unsigned_records(admin, results)
    _raise_if_broken(results)


def show_key(admin: Invocation) -> None:
    """Show the public keys that checkpoints are signed with; store them where the server cannot change them.

    Example: ambassador-admin audit key
    """
    keys = list(admin.api.items(audit.keys()))
    if admin.output.requested_format is None and admin.output.fields is None:
        admin.output.write("".join(str(item.get("pem")) for item in keys).rstrip("\n"))
    else:
        admin.output.rows(KEY, keys)


def _verify_copy(
    directory: Path,
    key_files: Sequence[Path],
    anchors: Sequence[str],
    writers: Sequence[str],
    time_range: TimeRange,
) -> list[dict[str, Any]]:
    if not key_files:
        raise UsageError(
            "--offline needs --key: a public key in the directory could have been replaced along with the files.",
            hint="ambassador-admin audit key > audit-key.pem",
        )
    if not directory.is_dir():
        raise NotFoundError(
            f"{directory} is not a directory.", hint="--offline takes a copy of <data-dir>/audit"
        )
    keys = [key for file in key_files for key in _keys_of(file)]
    try:
        return verify(
            directory,
            keys,
            time_range=time_range,
            anchors=_parse_anchors(anchors),
            expected=writers,
        ).documents()
    except MissingCryptographyError as error:
        raise AdminError(str(error), hint=_INSTALL) from None
    except OSError as error:
        raise AdminError(f"{error.filename} cannot be read: {error.strerror}.") from None


def _keys_of(file: Path) -> list[PublicKey]:
    try:
        return parse_public_keys(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}.") from None
    except OSError as error:
        raise AdminError(f"{file} cannot be read: {error.strerror}.") from None
    except (InvalidPublicKeyError, UnicodeDecodeError):
        raise UsageError(
            f"There is no Ed25519 public key in PEM in {file}.",
            hint="ambassador-admin audit key > audit-key.pem",
        ) from None


def _parse_anchors(given: Sequence[str]) -> dict[str, Tip]:
    if not given:
        return {}
    try:
        return parse_anchors("\n".join(_anchor_text(each) for each in given))
    except InvalidAnchorError as error:
        raise UsageError(f"--anchor: {error}", hint="`ambassador-server audit anchor` prints them") from None


def _anchor_text(given: str) -> str:
    """Return an anchor as it is, and the content of a file with anchors."""
    try:
        if given == "-":
            return sys.stdin.read()
        return Path(given).read_text(encoding="utf-8") if Path(given).is_file() else given
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"--anchor: {given} cannot be read.") from None


def _warn_of_unsigned_records(admin: Invocation, results: Sequence[dict[str, Any]]) -> None:
    for result in results:
        if result.get("fault") is not None:
            continue
        name = result.get("writer")
        if torn := result.get("torn"):
            admin.output.warn(f"{name}: the last {torn['size']} bytes are an incomplete line.")
        if uncovered := result.get("uncovered"):
            records = (
                "record after the last checkpoint is"
                if uncovered == 1
                else "records after the last checkpoint are"
            )
            admin.output.warn(f"{name}: {uncovered} {records} not signed yet.")
        for gone in result.get("quarantined") or ():
            admin.output.warn(
                f"{name}: segment {gone['segment']} is broken at line {gone['line']} and was quarantined; its records "
                f"after {gone['last_seq']} are not verified."
            )
        if unknown := result.get("without_outcome"):
            admin.output.warn(f"{name}: {_unfinished(unknown)}")
        if adopted := result.get("adopted"):
            admin.output.warn(
                f"{name}: {adopted} records were left unsigned by a killed process and signed later."
            )


def _unfinished(count: int) -> str:
    have, they, were = (
        ("attempt has", "it", "is running or was")
        if count == 1
        else ("attempts have", "they", "are running or were")
    )
    return f"{count} {have} no outcome: {they} {were} when a server was killed, and may have run."


def _raise_if_empty(results: Sequence[dict[str, Any]], time_range: TimeRange) -> None:
    """Refuse to call a directory whole that holds no record: it is the wrong one, or its logs are gone."""
    has_fault = any(result.get("fault") is not None for result in results)
    if time_range == ANY_TIME and not has_fault and not any(result.get("records") for result in results):
        raise AdminError(
            "The audit directory holds no record.",
            code=ProblemCode.AUDIT_BROKEN,
            hint="--offline takes a copy of <data-dir>/audit, the directory above those of the writers",
        )


def _raise_if_broken(results: Sequence[dict[str, Any]]) -> None:
    places = [str(result["fault"].get("place")) for result in results if result.get("fault") is not None]
    if places:
        more = f" {len(places) - 1} more logs are broken." if len(places) > 1 else ""
        raise AdminError(
            f"The audit log is broken: {places[0]}.{more}",
            code=ProblemCode.AUDIT_BROKEN,
            hint="keep the directory as evidence, and compare it with a copy",
        )
