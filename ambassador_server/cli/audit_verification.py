"""Prints the anchors of the audit log, and verifies the log against earlier ones."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import typer

from ambassador_protocol.audit.anchors import InvalidAnchorError, parse_anchors, written_anchors
from ambassador_protocol.audit.lines import Tip
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_protocol.audit.results import Verification
from ambassador_protocol.audit.verify import verify
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import audit_keys_in
from ambassador_server.errors import AuditUnavailableError, ConfigurationError, NotFoundError


def run_anchor(settings: ServerConfig, *, as_json: bool) -> None:
    """Verify the log, and print the end of each writer's log that is signed."""
    _verify(settings, settings.audit_dir, {})
    found = list(written_anchors(settings.audit_dir))
    if as_json:
        typer.echo(json.dumps([asdict(anchor) for anchor in found]))
        return
    for anchor in found:
        typer.echo(str(anchor))


def run_verification(
    settings: ServerConfig, *, anchor: str | None, offline: Path | None, as_json: bool
) -> None:
    """Verify the log or a copy of it with the keys of this server, and against anchors."""
    anchors = {} if anchor is None else _read_anchors(anchor)
    found = _verify(settings, offline or settings.audit_dir, anchors)
    if as_json:
        typer.echo(json.dumps(found.documents()))
        return
    for writer in found.writers:
        compared = f", anchor {anchors[writer.writer].seq} is in it" if writer.writer in anchors else ""
        typer.echo(
            f"{writer.writer}: whole up to record {writer.seq}, signed to {writer.covered_seq}{compared}"
        )


def _verify(settings: ServerConfig, directory: Path, anchors: Mapping[str, Tip]) -> Verification:
    seeds = audit_keys_in(settings.keys_dir)
    if not seeds:
        raise ConfigurationError(
            f"There is no signing key in {settings.keys_dir}.", hint="Run `ambassador-server init` first."
        )
    keys = [PublicKey.from_base64(text) for text in AuditSigner(seeds).public_keys.values()]
    if not directory.is_dir():
        raise NotFoundError(f"{directory} is not a directory.")
    try:
        found = verify(directory, keys, anchors=anchors)
    except OSError as error:
        raise AuditUnavailableError(f"The audit log cannot be read: {error.strerror}.") from error
    if found.faults:
        raise AuditUnavailableError(f"The audit log is broken: {'; '.join(map(str, found.faults))}.")
    if not found.ok:
        raise AuditUnavailableError(f"{directory} holds no record.")
    return found


def _read_anchors(file: str) -> dict[str, Tip]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return parse_anchors(text)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}.") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    except (InvalidAnchorError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file} holds no anchors: {error}", hint="`ambassador-server audit anchor` prints them."
        ) from error
