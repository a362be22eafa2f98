"""Stores how far each audit sink has come, and the records it refused, in files beside the segments."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import AuditUnavailableError, DamagedPositionsError
from ambassador_server.ports.audit_index import LogPosition

_FOLDER = "sinks"
_decoder = msgspec.json.Decoder(dict[str, LogPosition])


class FileSinkJournal:
    """Implements `ports.audit_sink.SinkJournal` in `<audit directory>/<node>/sinks/`."""

    def __init__(self, audit_directory: Path, node: str) -> None:
        self._directory = audit_directory / node / _FOLDER

    async def load(self, sink: str) -> Mapping[str, LogPosition] | None:
        """Return the position in each writer's log, None without a file."""
        return await asyncio.to_thread(_read, self._directory / _positions_name(sink))

    async def save(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Replace the positions at once: a reader sees the old or the new ones, also after a power cut."""
        await asyncio.to_thread(self._replace, _positions_name(sink), msgspec.json.encode(dict(positions)))

    async def add_dead_letter(self, sink: str, record: AuditRecord, reason: str) -> None:
        """Append the record to the dead letters of the sink."""
        await asyncio.to_thread(self._append, f"{sink}.dead.jsonl", _dead_letter(record, reason))

    def _replace(self, name: str, content: bytes) -> None:
        partial = self._directory / f".{name}.new"
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            _write(partial, content, os.O_TRUNC)
            partial.replace(self._directory / name)
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise _unusable(self._directory / name, error) from error

    def _append(self, name: str, content: bytes) -> None:
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            _write(self._directory / name, content, os.O_APPEND)
        except OSError as error:
            raise _unusable(self._directory / name, error) from error


def _positions_name(sink: str) -> str:
    return f"{sink}.position.json"


def _read(path: Path) -> dict[str, LogPosition] | None:
    try:
        found = _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if any(min(position.seq, position.segment, position.offset) < 0 for position in found.values()):
        raise _damaged(path, "a number is negative")
    return found


def _damaged(path: Path, problem: str) -> DamagedPositionsError:
    return DamagedPositionsError(f"{path} does not hold the positions of a sink: {problem}.")


def _write(path: Path, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | mode
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _dead_letter(record: AuditRecord, reason: str) -> bytes:
    return b'{"digest":%b,"event":%b,"reason":%b,"seq":%d,"writer":%b}\n' % (
        msgspec.json.encode(record.digest),
        encode_event(record.event),
        msgspec.json.encode(reason),
        record.seq,
        msgspec.json.encode(record.writer),
    )


def _unusable(path: Path, error: OSError) -> AuditUnavailableError:
    return AuditUnavailableError(f"{path} cannot be used: {error.strerror or 'input/output error'}.")
