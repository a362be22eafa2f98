"""An audit index in memory, with the filters written out in plain Python."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from msgspec import structs

from ambassador_server.domain.audit.events import AuditEvent, AuditRecord, IndexedRecord, Outcome
from ambassador_server.domain.audit.index_differences import RowDifferences, differences
from ambassador_server.domain.audit.query import Attribute, Query, matches, value_of
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.audit_index import EventCounts, HourCount, HourCounts, LogPosition
from ambassador_server.storage.audit_conditions import check_query
from ambassador_server.storage.value_checks import check_item, check_key, check_value, encode_json


@dataclass
class AuditState:
    """The records in the order of their cursors, and how far each log has been read."""

    records: dict[tuple[str, int], IndexedRecord] = field(default_factory=dict)
    positions: dict[str, LogPosition] = field(default_factory=dict)
    last_cursor: int = 0

    def copy(self) -> "AuditState":
        """Return a state that can change without changing this one."""
        return replace(self, records=dict(self.records), positions=dict(self.positions))


class InMemoryAuditIndex:
    """The audit index of one unit of work."""

    def __init__(self, *, reading: Callable[[], AuditState], writing: Callable[[], AuditState]) -> None:
        self._reading = reading
        self._writing = writing

    async def position(self, writer: str) -> LogPosition | None:
        check_key(writer, "The writer")
        return self._reading().positions.get(writer)

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        check_item(position)
        state = self._writing()
        if len({record.writer for record in records}) > 1:
            raise InvalidInputError("The records are of more than one writer.")
        for record in records:
            _check_record(record)
            if (record.writer, record.seq) not in state.records:
                state.last_cursor += 1
                indexed = IndexedRecord(cursor=state.last_cursor, record=_as_indexed(record))
                state.records[record.writer, record.seq] = indexed
            state.positions[record.writer] = position

    async def newest(self, wanted: Query, *, limit: int, before: int | None = None) -> list[IndexedRecord]:
        check_value(before, "before")
        found = self._matching(wanted, limit)
        return [item for item in reversed(found) if before is None or item.cursor < before][:limit]

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> list[IndexedRecord]:
        check_value(cursor, "cursor")
        return [item for item in self._matching(wanted, limit) if item.cursor > cursor][:limit]

    async def get(self, writer: str, seq: int) -> IndexedRecord | None:
        check_key(writer, "The writer")
        check_value(seq, "seq")
        return self._reading().records.get((writer, seq))

    async def compare(
        self, writer: str, first_seq: int, last_seq: int, records: Sequence[AuditRecord]
    ) -> RowDifferences:
        check_key(writer, "The writer")
        rows = {
            seq: item.record
            for (owner, seq), item in self._reading().records.items()
            if owner == writer and first_seq <= seq <= last_seq
        }
        return differences(records, rows, lambda record, row: _as_indexed(record) == row)

    async def highest_seq(self, writer: str) -> int:
        check_key(writer, "The writer")
        return max(self._numbers(writer), default=0)

    async def count_after(self, writer: str, seq: int) -> int:
        check_key(writer, "The writer")
        check_value(seq, "seq")
        return sum(each > seq for each in self._numbers(writer))

    def _numbers(self, writer: str) -> list[int]:
        return [seq for owner, seq in self._reading().records if owner == writer]

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        check_query(wanted)
        events = [item.record.event for item in self._reading().records.values()]
        found = Counter(value_of(by, event) for event in events if matches(wanted, event))
        ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0] is not None, pair[0] or ""))
        return EventCounts(values=tuple(ranked[:top]), total=found.total())

    async def hours(self, wanted: Query, *, last: int) -> HourCounts:
        check_query(wanted)
        events = [item.record.event for item in self._reading().records.values()]
        found = [event for event in events if matches(wanted, event)]
        count = Counter(_hour(event) for event in found)
        denied = Counter(_hour(event) for event in found if event.outcome is Outcome.DENIED)
        hours = [HourCount(at=at, count=count[at], denied=denied[at]) for at in sorted(count)]
        return HourCounts(hours=tuple(hours[-last:]), total=len(found))

    async def first_cursor(self) -> int:
        return min((item.cursor for item in self._reading().records.values()), default=0)

    async def last_cursor(self) -> int:
        return self._reading().last_cursor

    async def has_before(self, at: datetime) -> bool:
        check_value(at, "at")
        return any(item.record.event.at < at for item in self._reading().records.values())

    async def remove(self, *, before: datetime | None = None, through: int | None = None, limit: int) -> int:
        if before is None and through is None:
            raise InvalidInputError("Nothing says which records to remove.")
        records = self._writing().records
        gone = [
            key
            for key, item in records.items()
            if (before is None or item.record.event.at < before)
            and (through is None or item.cursor <= through)
        ][:limit]
        for key in gone:
            del records[key]
        return len(gone)

    async def restart(self) -> None:
        self._writing().positions.clear()

    def _matching(self, wanted: Query, limit: int) -> list[IndexedRecord]:
        check_value(limit, "limit")
        if limit < 0:
            raise InvalidInputError("limit is negative.")
        check_query(wanted)
        found = self._reading().records.values()
        return [item for item in found if matches(wanted, item.record.event)]


def _hour(event: AuditEvent) -> datetime:
    return event.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _check_record(record: AuditRecord) -> None:
    check_key(record.writer, "writer")
    check_value(record.seq, "seq")
    check_value(record.digest, "digest")
    check_value(record.event.at, "at")


def _as_indexed(record: AuditRecord) -> AuditRecord:
    try:
        details = json.loads(encode_json(record.event.details, "details"))
    except InvalidInputError:
        details = {"omitted": "These details are too deeply nested for the index; the log has them."}
    return structs.replace(record, event=structs.replace(record.event, details=details))
