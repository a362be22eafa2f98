"""Reads the log of another process up to an end that this process is told."""

import asyncio
from pathlib import Path

from ambassador_server.audit_log.reader import count_records, read_records
from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.audit_index import LogPosition


class BoundedLog:
    """Implements `ports.audit_log.AuditLogReader`: only the writer knows which of its lines are safe from a power cut.

    Nothing is read before `ends_at` was called.
    """

    def __init__(self, audit_directory: Path, writer: str) -> None:
        self._directory = audit_directory / writer
        self._writer = writer
        self._end: LogPosition | None = None

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        return self._writer

    def ends_at(self, end: LogPosition | None) -> None:
        """Read up to this end from now on; None means that there is no log."""
        self._end = end

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` records after a position, and the position after the last of them."""
        end = self._end
        if end is None:
            return [], after
        bound = (end.segment, end.offset)
        return await asyncio.to_thread(
            read_records, self._directory, self._writer, after, limit, bound, max_bytes
        )

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many records lie after a position, counting no further than `at_most`."""
        end = self._end
        if end is None:
            return 0
        bound = (end.segment, end.offset)
        return await asyncio.to_thread(count_records, self._directory, self._writer, after, at_most, bound)

    async def end(self, *, now: bool) -> LogPosition | None:
        """Return the end as it was told."""
        return self._end
