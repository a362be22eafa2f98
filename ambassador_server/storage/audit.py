"""The audit index: the columns one can search, and a document with the rest of each event."""

from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, func, select

from ambassador_server.domain.audit import AuditFilter, AuditRecord
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.store import IndexedRecord, LogPosition
from ambassador_server.storage.audit_rows import from_row, to_row
from ambassador_server.storage.dialects import Dialect, Lock
from ambassador_server.storage.tables import audit_events, audit_positions
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.values import check_filter, check_item, check_key, check_value

_EVENT = audit_events.c


class AuditIndexRepository:
    """The searchable copy of the audit log."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def position(self, writer: str) -> LogPosition | None:
        """Return how far this writer's log has been read."""
        check_key(writer, "The writer")
        columns = audit_positions.c
        statement = select(columns.seq, columns.segment, columns.offset).where(columns.writer == writer)
        rows = await self._transaction.rows(statement)
        return LogPosition(*rows[0]) if rows else None

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        """Store records of one writer and the position behind them, together; a record already there is skipped."""
        check_item(position)
        writers = {record.writer for record in records}
        if not records:
            return
        if len(writers) > 1:
            raise InvalidInputError("The records are of more than one writer.")
        # Cursors are handed out at the insert and seen at the commit; queueing makes the two orders one.
        await self._transaction.queue(Lock.AUDIT)
        rows = [to_row(record) for record in records]
        await self._transaction.change_many(self._transaction.dialect.insert_new(audit_events), rows)
        await self._move(writers.pop(), position)

    async def newest(
        self, wanted: AuditFilter, *, limit: int, before: int | None = None
    ) -> list[IndexedRecord]:
        """Return matching records, newest first, older than cursor `before`."""
        check_value(before, "before")
        older = [] if before is None else [_EVENT.cursor < before]
        return await self._page(wanted, older, _EVENT.cursor.desc(), limit)

    async def after(self, wanted: AuditFilter, *, limit: int, cursor: int) -> list[IndexedRecord]:
        """Return matching records, oldest first, newer than `cursor`."""
        check_value(cursor, "cursor")
        return await self._page(wanted, [_EVENT.cursor > cursor], _EVENT.cursor.asc(), limit)

    async def last_cursor(self) -> int:
        """Return the newest cursor, 0 when the index is empty."""
        rows = await self._transaction.rows(select(func.max(_EVENT.cursor)))
        return rows[0][0] or 0

    async def _move(self, writer: str, position: LogPosition) -> None:
        row = {
            "writer": writer,
            "seq": position.seq,
            "segment": position.segment,
            "offset": position.offset,
        }
        await self._transaction.change(self._transaction.dialect.upsert(audit_positions), row)

    async def _page(
        self, wanted: AuditFilter, beyond: list[ColumnElement[bool]], order: ColumnElement[int], limit: int
    ) -> list[IndexedRecord]:
        check_value(limit, "limit")
        if limit < 0:
            raise InvalidInputError("limit is negative.")
        conditions = [*beyond, *_conditions(wanted, self._transaction.dialect)]
        # The page is found inside an index first, so that the wide rows are read for what is on it alone.
        page = select(_EVENT.cursor).where(*conditions).order_by(order).limit(limit)
        statement = select(audit_events).where(_EVENT.cursor.in_(page)).order_by(order)
        rows = await self._transaction.rows(statement)
        return [IndexedRecord(cursor=row.cursor, record=from_row(row)) for row in rows]


def _conditions(wanted: AuditFilter, dialect: Dialect) -> list[ColumnElement[bool]]:
    check_filter(wanted)
    exact = {
        _EVENT.actor_name: wanted.actor,
        _EVENT.outcome: wanted.outcome,
        _EVENT.reason: wanted.reason,
        _EVENT.request_id: wanted.request_id,
    }
    conditions = [column == value for column, value in exact.items() if value is not None]
    globs = {_EVENT.action: wanted.action, _EVENT.resource_name: wanted.resource}
    conditions += [_glob(dialect, column, glob) for column, glob in globs.items() if glob is not None]
    if wanted.since is not None:
        conditions.append(_EVENT.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_EVENT.at < wanted.until)
    return conditions


def _glob(dialect: Dialect, column: Column[str], pattern: str) -> ColumnElement[bool]:
    return dialect.glob(column, pattern) if "*" in pattern else column == pattern
