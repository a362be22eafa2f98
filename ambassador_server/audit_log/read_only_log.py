"""Reads the log of another writer in the same audit directory, such as the command line's."""

import asyncio
from pathlib import Path

from ambassador_protocol.audit.files import segment_name, segment_numbers
from ambassador_server.audit_log.reader import count_records, read_records
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition


class ReadOnlyLog:
    """Implements `ports.audit_log.AuditLogReader`; a writer without a directory has no records."""

    def __init__(self, audit_directory: Path, writer: str) -> None:
        self._directory = audit_directory / writer
        self._writer = writer

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        return self._writer

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` records after a position, and the position after the last of them."""
        return await asyncio.to_thread(self._read, after, limit, max_bytes)

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many records lie after a position, counting no further than `at_most`."""
        return await asyncio.to_thread(self._count, after, at_most)

    async def end(self, *, now: bool) -> LogPosition | None:
        """Return the end of the last file, None without a directory; sequence numbers are not read."""
        end = await asyncio.to_thread(self._end)
        return None if end is None else LogPosition(seq=0, segment=end[0], offset=end[1])

    def _read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        end = self._end()
        if end is None:
            return [], after
        return read_records(self._directory, self._writer, after, limit, end, max_bytes)

    def _count(self, after: LogPosition | None, at_most: int) -> int:
        end = self._end()
        return 0 if end is None else count_records(self._directory, self._writer, after, at_most, end)

    def _end(self) -> tuple[int, int] | None:
        if not self._directory.is_dir():
            return None
        try:
            last = max(segment_numbers(self._directory), default=0)
            return last, (self._directory / segment_name(last)).stat().st_size if last else 0
        except OSError as error:
            raise AuditUnavailableError(
                f"The log of {self._writer} cannot be read: {error.strerror}."
            ) from error
