"""The searchable copy of the audit log in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ambassador_server.domain.audit.events import AuditRecord, IndexedRecord
from ambassador_server.domain.audit.index_differences import RowDifferences
from ambassador_server.domain.audit.query import Attribute, Query


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A position in a writer's log: the byte offset in segment `segment` at which record `seq` ends."""

    seq: int
    segment: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """How many records have each value, most frequent first; `total` includes records with values that are left out."""

    values: tuple[tuple[str | None, int], ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCount:
    """How many records are of the hour that begins at a time, and how many of them were denied."""

    at: datetime
    count: int
    denied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCounts:
    """The last hours that have records, oldest first; `total` includes records of earlier hours."""

    hours: tuple[HourCount, ...]
    total: int


class AuditIndex(Protocol):
    """Stores a searchable copy of the audit log."""

    async def position(self, writer: str) -> LogPosition | None:
        """Return the position up to which this writer's log is in the index, or None."""
        ...

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        """Store records of one writer and the position after them atomically; skip records that are stored already."""
        ...

    async def newest(self, wanted: Query, *, limit: int, before: int | None = None) -> list[IndexedRecord]:
        """Return matching records, newest first, older than cursor `before`."""
        ...

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> list[IndexedRecord]:
        """Return matching records, oldest first, newer than `cursor`."""
        ...

    async def get(self, writer: str, seq: int) -> IndexedRecord | None:
        """Return the record with this writer and sequence number, or None."""
        ...

    async def compare(
        self, writer: str, first_seq: int, last_seq: int, records: Sequence[AuditRecord]
    ) -> RowDifferences:
        """Compare the rows of a writer in a range of numbers with all records that its log has there.

        A row that cannot be read counts as altered or surplus. At most 10,000 rows are compared.
        """
        ...

    async def highest_seq(self, writer: str) -> int:
        """Return the highest number of the rows of a writer; 0 without rows."""
        ...

    async def count_after(self, writer: str, seq: int) -> int:
        """Count the rows of a writer with a higher number."""
        ...

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        """Count matching records for each of the `top` most frequent values of an attribute, and in total."""
        ...

    async def hours(self, wanted: Query, *, last: int) -> HourCounts:
        """Count matching records for each of the `last` newest hours that have some, and in total."""
        ...

    async def first_cursor(self) -> int:
        """Return the oldest cursor; 0 if the index is empty."""
        ...

    async def last_cursor(self) -> int:
        """Return the newest cursor; 0 if the index is empty."""
        ...

    async def has_before(self, at: datetime) -> bool:
        """Tell whether the index has a record from before this time."""
        ...

    async def remove(self, *, before: datetime | None = None, through: int | None = None, limit: int) -> int:
        """Remove up to `limit` records from before a time, or up to a cursor; return how many were removed."""
        ...

    async def restart(self) -> None:
        """Forget the positions of all logs."""
        ...


class AuditSinkPositions(Protocol):
    """Stores how far each audit sink of each server has read the logs."""

    async def of(self, node: str, sink: str) -> Mapping[str, LogPosition]:
        """Return the positions of a sink of a server, by writer."""
        ...

    async def put(self, node: str, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Store positions of a sink in the place of earlier ones of the same writers."""
        ...
