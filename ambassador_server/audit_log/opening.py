"""Finding the end of a writer's log at start: a torn tail is cut off and kept, a broken chain is refused."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ambassador_server.audit_log.chain import Walk, walk_segment
from ambassador_server.audit_log.directory import WriterDirectory, segment_name
from ambassador_server.audit_log.lines import GENESIS, Tip
from ambassador_server.audit_log.segment import Segment
from ambassador_server.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TornTail:
    """What was cut off, and the side file that keeps it."""

    segment: int
    dropped_bytes: int
    side_file: str


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where a log goes on: `segment` is None when there is none yet, `created` is that segment's age."""

    segment: Segment | None
    tip: Tip
    created: datetime | None
    torn: TornTail | None


def find_end(directory: WriterDirectory, writer: str) -> LogEnd:
    """Return where the log goes on, reading its last segment only.

    Raises ConfigurationError for a last segment that is broken before its end, OSError when a file cannot be used.
    """
    torn: TornTail | None = None
    for number in reversed(directory.numbers()):
        walk = _walk(directory, writer, number)
        if walk.torn:
            torn = _keep_torn(directory.path, number, walk.end)
        if walk.header is None:
            # The process died before the segment had its header: it holds nothing, the one before is the last.
            os.unlink(directory.path / segment_name(number))
            continue
        segment = Segment.open(directory, number, walk.end)
        segment.cut()
        segment.sync()
        directory.sync()
        return LogEnd(segment, walk.tip, walk.header.created, torn)
    return LogEnd(None, GENESIS, None, torn)


def _walk(directory: WriterDirectory, writer: str, number: int) -> Walk:
    path = directory.path / segment_name(number)
    walk = walk_segment(
        path, writer=writer, number=number, tip=GENESIS if number == 1 else None, is_last=True
    )
    if walk.fault is not None:
        raise ConfigurationError(
            f"The audit log is broken: {path}, line {walk.fault.line}, record {walk.fault.seq}: {walk.fault.problem}.",
            hint="Keep the directory as evidence, and begin a new chain with another audit writer name.",
        )
    return walk


def _keep_torn(directory: Path, number: int, end: int) -> TornTail:
    side_file = directory / f"{number:08d}.torn"
    with (directory / segment_name(number)).open("rb") as file:
        file.seek(end)
        dropped = file.read()
    # Opened for appending: a second crash must not overwrite what the first one left.
    fd = os.open(side_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "ab") as file:
        file.write(dropped)
        file.flush()
        os.fsync(fd)
    return TornTail(number, len(dropped), side_file.name)
