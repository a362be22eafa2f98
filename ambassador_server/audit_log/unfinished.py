"""Finds the attempts that a killed process has left without an outcome."""

from datetime import datetime, timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from ambassador_protocol.audit.attempts import OpenAttempts
from ambassador_protocol.audit.files import segment_name, segment_numbers
from ambassador_protocol.audit.lines import digest_of, read_line
from ambassador_server.audit_log.event_json import decode_event_line
from ambassador_server.audit_log.options import MEBIBYTE
from ambassador_server.domain.audit.call_actions import CallStep, every_action
from ambassador_server.domain.audit.events import AuditRecord

_START_OR_STOP = b'\n{"event":{"action":"system:server:st'
_CALL = b'\n{"event":{"action":"call:'
_ATTEMPTS: Final = tuple(
    b'\n{"event":{"action":"' + action.encode() + b'"' for action in every_action([CallStep.ATTEMPT])
)
_LONGEST_ATTEMPT: Final = max(map(len, _ATTEMPTS))
_MOST_BYTES: Final = 256 * MEBIBYTE
"""How much of the log is read at most, in whole segments."""


def find_unfinished(directory: Path, writer: str, longest: timedelta) -> list[AuditRecord]:
    """Return the attempts since the last start or stop of the server that have no outcome, oldest first.

    An attempt that is older than the last one by more than `longest` is not among them, because its call had ended.
    Raises OSError when a file cannot be read, msgspec.MsgspecError when a line cannot be decoded.
    """
    attempts: OpenAttempts[tuple[Path, int, int]] = OpenAttempts()
    for path, begin in reversed(_parts(directory, longest)):
        with path.open("rb") as file:
            file.seek(begin)
            offset = begin
            for line in file:
                if line.endswith(b"\n"):
                    attempts.take(line[:-1], (path, offset, len(line) - 1))
                offset += len(line)
    return [_record(writer, *place) for place in attempts.places()]


def _parts(directory: Path, longest: timedelta) -> list[tuple[Path, int]]:
    """Return the segments that can hold such attempts, newest first, each with the offset where they begin."""
    found: list[tuple[Path, int]] = []
    size = 0
    last_attempt: datetime | None = None
    for number in reversed(segment_numbers(directory)):
        path = directory / segment_name(number)
        length = path.stat().st_size
        if length == 0:
            continue
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            begin = text.rfind(_START_OR_STOP) + 1
            found.append((path, begin))
            last_attempt = last_attempt or _time_of_last_attempt(text)
            created = _created(text)
        size += length
        is_before_all = last_attempt is not None and created is not None and created < last_attempt - longest
        if begin or is_before_all or size >= _MOST_BYTES:
            break
    return found


def _time_of_last_attempt(text: mmap) -> datetime | None:
    # One search for all kinds: another one for each kind would read a whole segment that has none of them.
    begin = text.rfind(_CALL)
    while begin >= 0 and not text[begin : begin + _LONGEST_ATTEMPT].startswith(_ATTEMPTS):
        begin = text.rfind(_CALL, 0, begin)
    end = text.find(b"\n", begin + 1)
    if begin < 0 or end < 0:
        return None
    event = decode_event_line(text[begin + 1 : end]).event
    return None if event is None else event.at


def _created(text: mmap) -> datetime | None:
    line = read_line(text[: max(text.find(b"\n"), 0)])
    return None if line is None or line.header is None else datetime.fromisoformat(line.header.created)


def _record(writer: str, path: Path, offset: int, size: int) -> AuditRecord:
    with path.open("rb") as file:
        file.seek(offset)
        line = file.read(size)
    decoded = decode_event_line(line)
    if decoded.event is None:
        raise AssertionError("an attempt is an event")
    return AuditRecord(writer=writer, seq=decoded.seq, digest=digest_of(line), event=decoded.event)
