"""Quarantines a broken segment that is closed already: the end of the log states it in a signed checkpoint."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from ambassador_protocol.audit.chain import QUARANTINE, ChainProof, check_segment
from ambassador_protocol.audit.files import quarantined_name, segment_name
from ambassador_protocol.audit.lines import GENESIS, Quarantined, Tip, digest_of, event_line, read_line
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_protocol.audit.quarantine import file_digest, file_of
from ambassador_protocol.audit.results import Fault
from ambassador_protocol.audit.verify import closed_fault
from ambassador_server.audit_log.checkpoints import CheckpointMaker
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.log_end import find_end
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.quarantine import end_of_previous, finish, quarantine_event
from ambassador_server.audit_log.segment_writer import SegmentWriter
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.errors import ConfigurationError
from ambassador_server.ports.audit_log import CheckpointSigner
from ambassador_server.ports.clock import Clock

MAX_BYTES = 32 * 1024 * 1024
"""More than the last two closed segments are verified at a start only while they have this many bytes together."""


@dataclass(frozen=True, slots=True)
class BrokenClosedSegment:
    """The first broken segment among the last closed ones, and the statement to sign."""

    fault: Fault
    statement: Quarantined

    @classmethod
    def find(cls, directory: WriterDirectory, writer: str, trusted: dict[str, PublicKey]) -> Self | None:
        """Return the first one, without changing anything. Raises OSError.

        Raises ConfigurationError if the segment after it does not say where the log went on.
        """
        fault = closed_fault(directory.path, trusted, max_bytes=MAX_BYTES)
        if fault is None or fault.segment not in range(1, directory.numbers()[-1]):
            return None
        return cls(fault, _describe(directory, fault, writer, trusted))


def quarantine_closed_segment(
    directory: WriterDirectory,
    writer: str,
    broken: BrokenClosedSegment,
    *,
    trusted: dict[str, PublicKey],
    signer: CheckpointSigner,
    clock: Clock,
) -> Path:
    """State the quarantine at the end of the log, rename the broken file, and return its new path. Raises OSError.

    A segment that is missing gets an empty file, which the statement is about.
    """
    number = broken.statement.segment
    if not (directory.path / segment_name(number)).exists():
        (directory.path / quarantined_name(number)).touch(mode=0o600)
    log = SegmentWriter(
        directory,
        writer,
        find_end(directory, writer, trusted),
        CheckpointMaker(writer, signer, clock),
        clock,
        AuditLogOptions(),
    )
    event = quarantine_event(writer, broken.statement, broken.fault.seq, broken.fault.problem, clock)
    line = event_line(encode_event(event), log.tip)
    log.write([line], Tip(log.tip.seq + 1, digest_of(line)))
    log.checkpoint(QUARANTINE, quarantined=broken.statement)
    log.segment.sync()
    log.segment.close()
    if (directory.path / segment_name(number)).exists():
        return finish(directory, number)
    return directory.path / quarantined_name(number)


def _describe(
    directory: WriterDirectory, fault: Fault, writer: str, trusted: dict[str, PublicKey]
) -> Quarantined:
    path, number = file_of(directory.path, fault.segment), fault.segment
    before = end_of_previous(directory, number, writer)
    following = file_of(directory.path, number + 1)
    with following.open("rb") as file:
        header = read_line(file.readline().removesuffix(b"\n"))
    if header is None or header.header is None:
        raise ConfigurationError(f"{following} has no header, so nothing says where the log went on.")
    tip = before or GENESIS
    stated = Quarantined(
        digest=digest_of(b""),
        head=tip.digest,
        highest_seq=header.seq - 1,
        last_seq=tip.seq,
        line=1,
        segment=number,
        size=0,
    )
    if not path.exists():
        return stated
    # What shows in a line can have been changed in it, so it counts as broken, too.
    walk = check_segment(path, number=number, tip=before, is_last=False, proof=ChainProof(writer, trusted))
    first = walk.lines + 1 if walk.fault is None else max(walk.fault.line, 1)
    line = min(first, fault.line or 1)
    good = check_segment(
        path, number=number, tip=before, is_last=True, proof=ChainProof(writer, trusted), first_lines=line - 1
    )
    return replace(
        stated,
        digest=file_digest(path),
        head=good.tip.digest,
        last_seq=good.tip.seq,
        line=line,
        size=path.stat().st_size,
    )
