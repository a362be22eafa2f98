"""Quarantines a broken segment of the audit log, so that a server can start again."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from ambassador_protocol.audit.files import segment_name
from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_server.audit_log.closed_quarantine import BrokenClosedSegment, quarantine_closed_segment
from ambassador_server.audit_log.quarantine import (
    BrokenSegment,
    finish,
    quarantine_segment,
    unfinished_quarantine,
)
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import audit_keys_in
from ambassador_server.errors import ConfigurationError


def run_quarantine(settings: ServerConfig, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Look at the logs of the server and of its command line, and quarantine what a start would refuse."""
    seeds = audit_keys_in(settings.keys_dir)
    if not seeds:
        raise ConfigurationError(
            f"There is no signing key in {settings.keys_dir}.", hint="Run `ambassador-server init` first."
        )
    signer, done = AuditSigner(seeds), []
    try:
        for writer in (settings.node, settings.init_writer):
            if (settings.audit_dir / writer).exists():
                done += _quarantine(settings.audit_dir, writer, signer, dry_run=dry_run, yes=yes)
    except OSError as error:
        raise ConfigurationError(f"The audit log cannot be used: {error}.") from error
    if as_json:
        typer.echo(json.dumps(done))
    elif not done:
        typer.echo("Nothing to do: a start accepts the audit log.", err=True)


def _quarantine(
    audit_dir: Path, writer: str, signer: AuditSigner, *, dry_run: bool, yes: bool
) -> list[dict[str, Any]]:
    trusted = keys_by_id([PublicKey.from_base64(text) for text in signer.public_keys.values()])
    directory = WriterDirectory.lock(audit_dir, writer)
    try:
        broken = BrokenSegment.find(directory, writer, trusted)
        if broken is None:
            finished = _finish(directory, writer, trusted, dry_run=dry_run)
            return finished + _quarantine_closed(directory, writer, signer, dry_run=dry_run, yes=yes)
        found, stated = broken.found, broken.statement
        place = f"{broken.path}, line {found.line}, record {found.seq}: {found.problem}"
        typer.echo(f"Broken: {place}.", err=True)
        typer.echo(
            f"The good lines end with record {stated.last_seq}; the log continues above {stated.highest_seq}.",
            err=True,
        )
        facts = {"writer": writer, "place": place, "dry_run": dry_run, "file": None} | asdict(stated)
        if dry_run:
            return [facts]
        _confirm(broken.path, yes=yes)
        gone = quarantine_segment(directory, writer, broken, signer=signer, clock=SystemClock())
        typer.echo(f"Quarantined: {gone}", err=True)
        return [facts | {"file": str(gone)}]
    finally:
        directory.close()


def _quarantine_closed(
    directory: WriterDirectory, writer: str, signer: AuditSigner, *, dry_run: bool, yes: bool
) -> list[dict[str, Any]]:
    """Quarantine the broken ones of the last closed segments, one after the other."""
    trusted = keys_by_id([PublicKey.from_base64(text) for text in signer.public_keys.values()])
    done: list[dict[str, Any]] = []
    while (broken := BrokenClosedSegment.find(directory, writer, trusted)) is not None:
        stated = broken.statement
        typer.echo(f"Broken: {broken.fault}. The segment is closed; the log continues as it is.", err=True)
        facts = {"writer": writer, "place": str(broken.fault), "dry_run": dry_run, "file": None}
        if dry_run or stated.segment in [each["segment"] for each in done]:
            return [*done, facts | asdict(stated)]
        _confirm(directory.path / segment_name(stated.segment), yes=yes)
        gone = quarantine_closed_segment(
            directory, writer, broken, trusted=trusted, signer=signer, clock=SystemClock()
        )
        typer.echo(f"Quarantined: {gone}", err=True)
        done.append(facts | asdict(stated) | {"file": str(gone)})
    return done


def _finish(
    directory: WriterDirectory, writer: str, trusted: dict[str, PublicKey], *, dry_run: bool
) -> list[dict[str, Any]]:
    """Rename the file of a quarantine that was interrupted after its statement was signed."""
    number = unfinished_quarantine(directory, writer, trusted)
    if number is None:
        return []
    gone = None if dry_run else str(finish(directory, number))
    typer.echo(
        f"An interrupted quarantine of segment {number} {'is' if dry_run else 'was'} to be finished.",
        err=True,
    )
    return [{"writer": writer, "segment": number, "dry_run": dry_run, "file": gone}]


def _confirm(path: Path, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("Nothing was changed: this needs a confirmation.", hint="Add --yes.")
    if not typer.confirm(f"Quarantine {path.name} and continue the log without its broken part?", err=True):
        raise ConfigurationError("Nothing was changed.")
