"""Reads the log of a writer in pieces of its segments."""

import asyncio
from os import SEEK_END
from pathlib import Path

from ambassador_protocol.audit.files import segment_name, segment_numbers
from ambassador_server.audit_log.reader import line_seq, read_piece
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import LogPiece

_LINES = 1_000
_BYTES = 4 * 1024 * 1024
_TAIL = 64 * 1024


class JsonlSegments:
    """Implements `ports.audit_log.SegmentedLog`; a writer without a directory has no segments."""

    def __init__(self, audit_directory: Path, writer: str, *, lines: int = _LINES) -> None:
        self._directory = audit_directory / writer
        self._writer = writer
        self._lines = lines

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        return self._writer

    async def segments(self) -> list[int]:
        """Return the numbers of the segments, ascending."""
        return await asyncio.to_thread(self._segments)

    async def last_seq(self) -> int:
        """Return the number of the last whole line, 0 without one."""
        return await asyncio.to_thread(self._last_seq)

    async def piece(self, segment: int, offset: int, end: LogPosition) -> LogPiece | None:
        """Return the next lines from an offset on, a bounded number before `end`; None if there are no more."""
        return await asyncio.to_thread(
            read_piece, self._directory, self._writer, segment, offset, end, self._lines, _BYTES
        )

    def _segments(self) -> list[int]:
        try:
            return segment_numbers(self._directory)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(error) from error

    def _last_seq(self) -> int:
        for number in reversed(self._segments()):
            try:
                line = _last_line(self._directory / segment_name(number))
            except OSError as error:
                raise self._unreadable(error) from error
            if line:
                return line_seq(line, self._writer)
        return 0

    def _unreadable(self, error: OSError) -> AuditUnavailableError:
        return AuditUnavailableError(f"The log of {self._writer} cannot be read: {error.strerror}.")


def _last_line(path: Path) -> bytes:
    """Return the last line that ends with a newline, without it; nothing if there is none."""
    with path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        length = 0
        while length < size:
            length = min(max(length * 2, _TAIL), size)
            file.seek(size - length)
            lines = file.read(length).split(b"\n")[:-1]
            if len(lines) > 1 or (lines and length == size):
                return lines[-1]
    return b""
