"""Reads records from the segments, starting at a byte offset."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from ambassador_protocol.audit.files import segment_name, segment_numbers
from ambassador_protocol.audit.lines import digest_of
from ambassador_server.audit_log.event_json import decode_event_line
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import LogPiece

_START = LogPosition(seq=0, segment=0, offset=0)
_EVENT = b'{"event":'


def read_records(
    directory: Path,
    writer: str,
    after: LogPosition | None,
    limit: int,
    end: tuple[int, int],
    max_bytes: int | None = None,
) -> tuple[list[AuditRecord], LogPosition | None]:
    """Return up to `limit` records after `after` and before `end` (segment, offset), and the position after the last.

    With `max_bytes` they stop at the record that brings the sum of their lines to that size. A segment that was
    removed is skipped. Raises AuditUnavailableError when `after` lies outside the log or inside a line, or when a
    line cannot be read.
    """
    found: list[AuditRecord] = []
    position, size = after, 0
    try:
        for record, next_position, line_bytes in islice(
            _records(directory, writer, after or _START, end), limit
        ):
            found.append(record)
            position = next_position
            size += line_bytes
            if max_bytes is not None and size >= max_bytes:
                break
    except OSError as error:
        raise _broken(writer, error.strerror or "input/output error") from error
    return found, position


def count_records(
    directory: Path, writer: str, after: LogPosition | None, at_most: int, end: tuple[int, int]
) -> int:
    """Return how many records lie after `after` and before `end`, at most `at_most`; raises as `read_records` does."""
    lines = _committed(directory, writer, after or _START, end)
    events = (line for line, _, _ in lines if line.startswith(_EVENT))
    try:
        return sum(1 for _ in islice(events, at_most))
    except OSError as error:
        raise _broken(writer, error.strerror or "input/output error") from error


def read_piece(
    directory: Path, writer: str, segment: int, offset: int, end: LogPosition, limit: int, max_bytes: int
) -> LogPiece | None:
    """Return up to `limit` lines of a segment from an offset on and before `end`; None if there are no more.

    They stop at the line that brings their sum to `max_bytes`. Raises AuditUnavailableError when a line cannot be read.
    """
    seqs: list[int] = []
    records: list[AuditRecord] = []
    stop = offset
    try:
        for line, line_end in islice(_lines(directory / segment_name(segment), offset, writer), limit):
            if (segment, line_end) > (end.segment, end.offset):
                break
            seq, record = _decoded(line, writer)
            seqs.append(seq)
            records += [] if record is None else [record]
            stop = line_end
            if stop - offset >= max_bytes:
                break
    except OSError as error:
        raise _broken(writer, error.strerror or "input/output error") from error
    if not seqs:
        return None
    return LogPiece(first_seq=seqs[0], last_seq=seqs[-1], records=tuple(records), end=stop)


def line_seq(line: bytes, writer: str) -> int:
    """Return the number of a line. Raises AuditUnavailableError when it cannot be read."""
    return _decoded(line, writer)[0]


def _records(
    directory: Path, writer: str, start: LogPosition, end: tuple[int, int]
) -> Iterator[tuple[AuditRecord, LogPosition, int]]:
    for line, number, offset in _committed(directory, writer, start, end):
        _, record = _decoded(line, writer)
        if record is not None:
            yield record, LogPosition(seq=record.seq, segment=number, offset=offset), len(line)


def _committed(
    directory: Path, writer: str, start: LogPosition, end: tuple[int, int]
) -> Iterator[tuple[bytes, int, int]]:
    if (start.segment, start.offset) > end:
        raise _broken(writer, f"it ends before record {start.seq}, which was read from it: records were lost")
    last_segment, last_offset = end
    for number in segment_numbers(directory):
        if not start.segment <= number <= last_segment:
            continue
        offset = start.offset if number == start.segment else 0
        for line, line_end in _lines(directory / segment_name(number), offset, writer):
            if number == last_segment and line_end > last_offset:
                return
            yield line, number, line_end


def _lines(path: Path, offset: int, writer: str) -> Iterator[tuple[bytes, int]]:
    with path.open("rb") as file:
        if offset:
            file.seek(offset - 1)
            if file.read(1) != b"\n":
                raise _broken(
                    writer, f"no line of {path.name} ends at {offset}, where reading stopped before"
                )
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                yield line[:-1], offset


def _decoded(line: bytes, writer: str) -> tuple[int, AuditRecord | None]:
    """Return the number of a line, and its record if it has one."""
    try:
        decoded = decode_event_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _broken(writer, f"a record is not of the kind this version knows: {error}") from error
    if decoded.event is None:
        return decoded.seq, None
    record = AuditRecord(writer=writer, seq=decoded.seq, digest=digest_of(line), event=decoded.event)
    return decoded.seq, record


def _broken(writer: str, problem: str) -> AuditUnavailableError:
    return AuditUnavailableError(f"The audit log of writer {writer!r} cannot be read: {problem}.")
