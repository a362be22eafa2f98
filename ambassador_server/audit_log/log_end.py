"""Finds the end of a writer's log at start, cuts off a torn tail, and refuses a broken chain."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ambassador_protocol.audit.chain import ChainProof, SegmentCheck, check_segment
from ambassador_protocol.audit.files import segment_name
from ambassador_protocol.audit.lines import GENESIS, Tip
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_server.audit_log.segment import Segment
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.errors import ConfigurationError

QUARANTINE_HINT = (
    "If its key is missing from the key directory, put that back. Otherwise quarantine the broken segment and continue "
    "the log: `ambassador-server audit quarantine`."
)


@dataclass(frozen=True, slots=True)
class TornTail:
    """How many bytes were cut off a segment, and the file that keeps them."""

    segment: int
    dropped_bytes: int
    side_file: str


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where a log goes on; `segment` is None for a new log, `created` is when that segment began.

    `uncovered` counts the records since the last checkpoint. `key` is the id of the key that the log expects to sign
    the next checkpoint.
    """

    segment: Segment | None = None
    tip: Tip = GENESIS
    created: datetime | None = None
    torn: TornTail | None = None
    uncovered: int = 0
    is_closed: bool = False
    key: str | None = None


def find_end(directory: WriterDirectory, writer: str, trusted: dict[str, PublicKey]) -> LogEnd:
    """Return where the log goes on; only its last segment is read, and its checkpoints verified with trusted keys.

    Raises ConfigurationError for a last segment that is broken before its end or has a forged checkpoint,
    OSError when a file cannot be used.
    """
    torn: TornTail | None = None
    for number in reversed(directory.numbers()):
        proof = ChainProof(writer, trusted)
        walk = _check_last_segment(directory, number, proof)
        if walk.torn:
            torn = save_torn_tail(directory.path, number, walk.end)
        if walk.header is None:
            # The process died before it wrote the header, so this segment holds nothing and the one before is the last.
            os.unlink(directory.path / segment_name(number))
            continue
        segment = Segment.open(directory, number, walk.end)
        segment.cut()
        segment.sync()
        directory.sync()
        return LogEnd(
            segment=segment,
            tip=walk.tip,
            created=datetime.fromisoformat(walk.header.created),
            torn=torn,
            uncovered=proof.uncovered,
            is_closed=proof.is_closed,
            key=proof.key,
        )
    return LogEnd(torn=torn)


def _check_last_segment(directory: WriterDirectory, number: int, proof: ChainProof) -> SegmentCheck:
    path = directory.path / segment_name(number)
    tip = GENESIS if number == 1 else None
    walk = check_segment(path, number=number, tip=tip, is_last=True, proof=proof)
    if walk.fault is not None:
        raise ConfigurationError(
            f"The audit log is broken: {path}, line {walk.fault.line}, record {walk.fault.seq}: {walk.fault.problem}.",
            hint=QUARANTINE_HINT,
        )
    return walk


def save_torn_tail(directory: Path, number: int, end: int) -> TornTail:
    """Store what a segment has from the offset `end` on in a file beside it."""
    side_file = directory / f"{number:08d}.torn"
    with (directory / segment_name(number)).open("rb") as file:
        file.seek(end)
        dropped = file.read()
    # Opened for appending, so that a second crash does not overwrite the bytes that the first one left.
    fd = os.open(side_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(dropped)
        file.flush()
        os.fsync(fd)
    return TornTail(number, len(dropped), side_file.name)
