"""The repository of everything that the vault has sealed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, func, literal, or_, select, update

from ambassador_server.ports.sealed_rows import SealedKind, SealedRow
from ambassador_server.ports.vault import Sealed
from ambassador_server.storage.credential_tables import (
    credential_secrets,
    oauth_clients,
    pending_connections,
    user_credentials,
)
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Source:
    """The rows of one table; the key, and what they belong to."""

    kind: SealedKind
    table: Table
    item_id: Column[str]
    field: ColumnElement[str]
    user_id: ColumnElement[str]
    mcp_id: ColumnElement[str]

    def select(self, condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        columns = (self.item_id, self.field, self.user_id, self.mcp_id)
        sealed = (self.table.c.key_number, self.table.c.sealed)
        statement = select(*columns, *sealed).where(condition).order_by(self.item_id, self.field)
        if self.kind is SealedKind.VALUE:
            statement = statement.join_from(credential_secrets, user_credentials)
        return statement

    def is_behind(self, after: SealedRow) -> ColumnElement[bool]:
        same_item = and_(self.item_id == after.item_id, self.field > after.field)
        return or_(self.item_id > after.item_id, same_item)

    def read(self, row: Row[*tuple[Any, ...]]) -> SealedRow:
        item_id, field, user_id, mcp_id, key_number, sealed = row
        return SealedRow(
            kind=self.kind,
            item_id=item_id,
            user_id=user_id,
            mcp_id=mcp_id,
            field=field,
            sealed=Sealed(key_number, sealed),
        )


_NONE = literal("")
_SOURCES = (
    _Source(
        SealedKind.PENDING,
        pending_connections,
        pending_connections.c.pending_id,
        _NONE,
        pending_connections.c.user_id,
        pending_connections.c.mcp_id,
    ),
    _Source(
        SealedKind.REGISTRATION,
        oauth_clients,
        oauth_clients.c.registration_id,
        _NONE,
        _NONE,
        oauth_clients.c.mcp_id,
    ),
    _Source(
        SealedKind.VALUE,
        credential_secrets,
        credential_secrets.c.credential_id,
        credential_secrets.c.field,
        user_credentials.c.user_id,
        user_credentials.c.mcp_id,
    ),
)
"""In the order of their kinds."""


class SealedRowRepository:
    """Implements `ports.sealed_rows.SealedRows`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def wait_for_writers(self) -> None:
        """Wait until no other transaction writes."""
        await self._transaction.queue(Lock.POLICY)

    async def key_counts(self) -> Mapping[int, int]:
        """Return how many rows each master key has sealed."""
        counts = Counter[int]()
        for source in _SOURCES:
            number = source.table.c.key_number
            rows = await self._transaction.rows(select(number, func.count()).group_by(number))
            counts.update({row[0]: row[1] for row in rows})
        return counts

    async def one(self, key_number: int) -> SealedRow | None:
        """Return one row that a master key has sealed."""
        for source in _SOURCES:
            statement = source.select(source.table.c.key_number == key_number).limit(1)
            for row in await self._transaction.rows(statement):
                return source.read(row)
        return None

    async def before(
        self, key_number: int, *, limit: int, after: SealedRow | None = None
    ) -> Sequence[SealedRow]:
        """Return rows that a master key with a lower number has sealed."""
        found: list[SealedRow] = []
        for source in _SOURCES:
            if len(found) == limit or (after is not None and source.kind < after.kind):
                continue
            condition: ColumnElement[bool] = source.table.c.key_number < key_number
            if after is not None and source.kind is after.kind:
                condition = and_(condition, source.is_behind(after))
            statement = source.select(condition).limit(limit - len(found))
            found += [source.read(row) for row in await self._transaction.rows(statement)]
        return found

    async def replace(self, row: SealedRow, sealed: Sealed) -> bool:
        """Replace what is sealed unless it was replaced meanwhile."""
        await self._transaction.queue(Lock.POLICY)
        source = next(source for source in _SOURCES if source.kind is row.kind)
        same = and_(
            source.item_id == row.item_id,
            source.table.c.key_number == row.sealed.key_number,
            source.table.c.sealed == row.sealed.content,
        )
        if row.kind is SealedKind.VALUE:
            same = and_(same, source.field == row.field)
        changed = {"key_number": sealed.key_number, "sealed": sealed.content}
        return await self._transaction.change(update(source.table).where(same), changed) > 0
