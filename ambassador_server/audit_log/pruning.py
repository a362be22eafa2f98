"""Removes the oldest segments of a log in a way that the rest can still be verified."""

import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from ambassador_protocol.audit.files import quarantined_numbers, segment_name, segment_numbers
from ambassador_protocol.audit.lines import Line, Pruned, read_line, time_text
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.ports.audit_log import Removal

_MAX_HEADER_BYTES = 4096


def find_prunable(path: Path, before: datetime, needed_from: int | None = None) -> Removal | None:
    """Return the segments whose successor was begun by `before`; raises OSError.

    Segment `needed_from` and all after it stay, because an index or a sink has still to read them. The last segment
    always stays, so the log keeps its end and the statement of what was removed.
    """
    numbers, found = segment_numbers(path), None
    quarantined = {number for number in quarantined_numbers(path) if number > min(numbers, default=0)}
    for number, following in pairwise(sorted({*numbers, *quarantined})):
        if needed_from is not None and number >= needed_from:
            break
        if following in quarantined:
            # The statement of a removal ends at a line that a header names; a broken segment may have none.
            continue
        header = _first_line(path, following)
        if header is None or header.header is None or header.header.created > time_text(before):
            break
        found = (number, header)
    oldest = _first_line(path, numbers[0]) if found is not None else None
    if found is None or oldest is None:
        return None
    last, header = found
    return Removal(
        segments=sum(number <= last for number in numbers),
        last_segment=last,
        first_seq=oldest.seq,
        last_seq=header.seq - 1,
        head=header.prev,
    )


def as_statement(removal: Removal) -> Pruned:
    """Return the removal as a checkpoint states it."""
    return Pruned(
        first_seq=removal.first_seq,
        head=removal.head,
        last_seq=removal.last_seq,
        segment=removal.last_segment,
    )


def remove_segments(directory: WriterDirectory, removal: Removal) -> None:
    """Remove the files, oldest first, so that an interruption leaves no gap; raises OSError."""
    for number in directory.numbers():
        if number <= removal.last_segment:
            os.unlink(segment_name(number), dir_fd=directory.fd)
    directory.sync()


def _first_line(path: Path, number: int) -> Line | None:
    with (path / segment_name(number)).open("rb") as file:
        return read_line(file.readline(_MAX_HEADER_BYTES).removesuffix(b"\n"))
