"""The repository of the audit index, which is a searchable copy of the audit log."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, asc, case, delete, desc, func, select, true, type_coerce, union
from sqlalchemy.types import NullType

from ambassador_server.domain.audit.events import AuditRecord, IndexedRecord, Outcome
from ambassador_server.domain.audit.index_differences import RowDifferences, differences
from ambassador_server.domain.audit.query import Attribute, Query
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.audit_index import EventCounts, HourCount, HourCounts, LogPosition
from ambassador_server.storage.audit_conditions import branches, check_query, condition
from ambassador_server.storage.audit_rows import COLUMNS, from_row, is_copy, to_row
from ambassador_server.storage.audit_tables import audit_events, audit_positions
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_item, check_key, check_value

_EVENT = audit_events.c
_MAX_COMPARED = 10_000
_HIGHEST = 2**63 - 1
_Cursor = ColumnElement[int]
_Order = Callable[[ColumnElement[Any]], ColumnElement[Any]]


class AuditIndexRepository:
    """Events of all writers; a row has the columns that queries use and a document with the rest of the event."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def position(self, writer: str) -> LogPosition | None:
        """Return how far this writer's log has been indexed, None if not at all."""
        check_key(writer, "The writer")
        columns = audit_positions.c
        statement = select(columns.seq, columns.segment, columns.offset).where(columns.writer == writer)
        rows = await self._transaction.rows(statement)
        return LogPosition(*rows[0]) if rows else None

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        """Store records of one writer and the position after them; a record that is stored already is skipped."""
        check_item(position)
        writers = {record.writer for record in records}
        if not records:
            return
        if len(writers) > 1:
            raise InvalidInputError("The records are of more than one writer.")
        # Cursors are assigned at the insert and become visible at the commit; the lock makes both orders the same.
        await self._transaction.queue(Lock.AUDIT)
        rows = [to_row(record) for record in records]
        await self._transaction.insert_new(audit_events, COLUMNS, rows)
        await self._set_position(writers.pop(), position)

    async def newest(self, wanted: Query, *, limit: int, before: int | None = None) -> list[IndexedRecord]:
        """Return matching records, newest first, older than cursor `before`."""
        check_value(before, "before")
        return await self._page(wanted, lambda at: true() if before is None else at < before, desc, limit)

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> list[IndexedRecord]:
        """Return matching records, oldest first, newer than `cursor`."""
        check_value(cursor, "cursor")
        return await self._page(wanted, lambda at: at > cursor, asc, limit)

    async def get(self, writer: str, seq: int) -> IndexedRecord | None:
        """Return one record by its writer and sequence number, which never change."""
        check_key(writer, "The writer")
        check_value(seq, "seq")
        found = select(audit_events).where(_EVENT.writer == writer, _EVENT.seq == seq)
        rows = await self._transaction.rows(found)
        return IndexedRecord(cursor=rows[0].cursor, record=from_row(rows[0])) if rows else None

    async def compare(
        self, writer: str, first_seq: int, last_seq: int, records: Sequence[AuditRecord]
    ) -> RowDifferences:
        """Compare the rows of a writer in a range of numbers with all records that its log has there."""
        check_key(writer, "The writer")
        # Without their types, because the value of an altered row may be of none.
        columns = [type_coerce(_EVENT[name], NullType()).label(name) for name in COLUMNS]
        statement = select(*columns).where(_EVENT.writer == writer, _EVENT.seq.between(first_seq, last_seq))
        rows = await self._transaction.rows(statement.order_by(_EVENT.seq).limit(_MAX_COMPARED))
        return differences(records, {int(row.seq): tuple(row) for row in rows}, is_copy)

    async def highest_seq(self, writer: str) -> int:
        """Return the highest number of the rows of a writer; 0 without rows."""
        check_key(writer, "The writer")
        highest = func.max(_EVENT.seq)
        rows = await self._transaction.rows(select(highest).where(_EVENT.writer == writer))
        found = rows[0][0] or 0
        # SQLite stores a number that is none as it is, and sorts it after all others.
        return found if isinstance(found, int) else _HIGHEST

    async def count_after(self, writer: str, seq: int) -> int:
        """Count the rows of a writer with a higher number."""
        check_key(writer, "The writer")
        check_value(seq, "seq")
        statement = select(func.count()).where(_EVENT.writer == writer, _EVENT.seq > seq)
        rows = await self._transaction.rows(statement)
        return int(rows[0][0])

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        """Count matching records by an attribute: the `top` most frequent values, and how many records in all."""
        check_query(wanted)
        check_value(top, "top")
        value, count = _EVENT[by], func.count()
        statement = (
            select(value.label("value"), count.label("number"), func.sum(count).over().label("total"))
            .where(condition(wanted, self._transaction.dialect))
            .group_by(value)
            .order_by(count.desc(), value.asc().nulls_first())
            .limit(top)
        )
        rows = await self._transaction.rows(statement)
        values = tuple((None if row.value is None else str(row.value), int(row.number)) for row in rows)
        return EventCounts(values=values, total=int(rows[0].total) if rows else 0)

    async def hours(self, wanted: Query, *, last: int) -> HourCounts:
        """Count matching records by hour: the last hours that have some, and how many records in all."""
        check_query(wanted)
        check_value(last, "last")
        hour, count = self._transaction.dialect.hour(_EVENT.at), func.count()
        denied = func.sum(case((_EVENT.outcome == Outcome.DENIED.value, 1), else_=0))
        statement = (
            select(
                hour.label("hour"),
                count.label("number"),
                denied.label("denied"),
                func.sum(count).over().label("total"),
            )
            .where(condition(wanted, self._transaction.dialect))
            .group_by(hour)
            .order_by(hour.desc())
            .limit(last)
        )
        rows = await self._transaction.rows(statement)
        found = [
            HourCount(
                at=datetime.fromisoformat(f"{row.hour}:00+00:00"),
                count=int(row.number),
                denied=int(row.denied),
            )
            for row in reversed(rows)
        ]
        return HourCounts(hours=tuple(found), total=int(rows[0].total) if rows else 0)

    async def first_cursor(self) -> int:
        """Return the oldest cursor, 0 when the index is empty."""
        rows = await self._transaction.rows(select(func.min(_EVENT.cursor)))
        return rows[0][0] or 0

    async def last_cursor(self) -> int:
        """Return the newest cursor, 0 when the index is empty."""
        rows = await self._transaction.rows(select(func.max(_EVENT.cursor)))
        return rows[0][0] or 0

    async def has_before(self, at: datetime) -> bool:
        """Tell whether there is a record before this time."""
        check_value(at, "at")
        return bool(await self._transaction.rows(select(_EVENT.cursor).where(_EVENT.at < at).limit(1)))

    async def remove(self, *, before: datetime | None = None, through: int | None = None, limit: int) -> int:
        """Remove up to `limit` records before a time and up to a cursor, and return how many were removed."""
        check_value(before, "before")
        check_value(through, "through")
        old = [] if before is None else [_EVENT.at < before]
        known = [] if through is None else [_EVENT.cursor <= through]
        if not (old or known):
            raise InvalidInputError("Nothing says which records to remove.")
        some = select(_EVENT.cursor).where(*old, *known).limit(limit)
        return await self._transaction.change(delete(audit_events).where(_EVENT.cursor.in_(some)))

    async def restart(self) -> None:
        """Forget how far every log has been indexed."""
        await self._transaction.change(delete(audit_positions))

    async def _set_position(self, writer: str, position: LogPosition) -> None:
        row = {
            "writer": writer,
            "seq": position.seq,
            "segment": position.segment,
            "offset": position.offset,
        }
        await self._transaction.change(self._transaction.dialect.upsert(audit_positions), row)

    async def _page(
        self, wanted: Query, beyond: Callable[[_Cursor], ColumnElement[bool]], order: _Order, limit: int
    ) -> list[IndexedRecord]:
        check_value(limit, "limit")
        if limit < 0:
            raise InvalidInputError("limit is negative.")
        check_query(wanted)
        # The cursors of the page are found in the indexes first, so that wide rows are read for this page only.
        parts = []
        for part in await branches(wanted, self._transaction):
            cursor = self._transaction.dialect.without_index(_EVENT.cursor) if part.by_time else _EVENT.cursor
            found = select(_EVENT.cursor).where(beyond(cursor), part.condition)
            parts.append(found.order_by(order(cursor)).limit(limit))
        if not parts:
            return []
        page = parts[0] if len(parts) == 1 else _merged(parts, order, limit)
        statement = select(audit_events).where(_EVENT.cursor.in_(page)).order_by(order(_EVENT.cursor))
        rows = await self._transaction.rows(statement)
        return [IndexedRecord(cursor=row.cursor, record=from_row(row)) for row in rows]


def _merged(parts: Sequence[Select[Any]], order: _Order, limit: int) -> Select[Any]:
    cursors = union(*(select(part.subquery().c.cursor) for part in parts)).subquery()
    return select(cursors.c.cursor).order_by(order(cursors.c.cursor)).limit(limit)
