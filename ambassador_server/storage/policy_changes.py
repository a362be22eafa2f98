"""What the policy changed since a version, so that nobody has to read the rest of it again."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, Row, Table, select

from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.storage.object_mappings import (
    CLIENT_KEYS,
    GRANTS,
    GROUPS,
    KILL_SWITCHES,
    MCPS,
    SUBSCRIPTIONS,
    USERS,
    Aggregate,
)
from ambassador_server.storage.tables import memberships, policy_changes
from ambassador_server.storage.transaction import MAX_NOTES, Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_NOTED: dict[Table, Column[str]] = {
    aggregate.table: aggregate.id_column
    for aggregate in (USERS, GROUPS, CLIENT_KEYS, MCPS, GRANTS, KILL_SWITCHES, SUBSCRIPTIONS)
} | {memberships: memberships.c.user_id}
"""What a note names of each kind of row."""

_KINDS = frozenset(table.name for table in _NOTED)

_IDS_PER_STATEMENT = 500


async def changes_since(transaction: Transaction, version: int) -> PolicyChanges | None:
    """Return what was touched after this version, as it is now; None when everything has to be read."""
    touched = await _touched(transaction, version)
    if touched is None:
        return None
    reading = _Reading(transaction, touched)
    return PolicyChanges(
        users=await reading.items(USERS),
        groups=await reading.items(GROUPS),
        memberships=await reading.memberships(),
        keys=await reading.items(CLIENT_KEYS),
        mcps=await reading.items(MCPS),
        grants=await reading.items(GRANTS),
        switches=await reading.items(KILL_SWITCHES),
        subscriptions=await reading.items(SUBSCRIPTIONS),
    )


async def belongings(transaction: Transaction, table: Table, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the kind and id of the policy that the database deletes along with these rows.

    It reads no more of a kind than would be too much to note.
    """
    found: list[tuple[str, str]] = []
    for below, noted in _NOTED.items():
        for key in below.foreign_key_constraints:
            if key.referred_table is not table or not ids:
                continue
            (column,) = key.columns
            rows = await transaction.rows(select(noted).where(column.in_(ids)).limit(MAX_NOTES + 1))
            taken = [row[0] for row in rows]
            found += [(below.name, each) for each in taken]
            found += await belongings(transaction, below, taken)
    return found


async def _touched(transaction: Transaction, since: int) -> dict[str, list[str]] | None:
    """Return ids by kind; None if any version in between has no note, or one that does not name objects we know."""
    columns = policy_changes.c
    notes = await transaction.rows(
        select(columns.version, columns.kind, columns.item_id)
        .where(columns.version > since)
        .order_by(columns.version, columns.number)
        .limit(MAX_NOTES + 1)
    )
    noted = {version for version, _, _ in notes}
    if len(notes) > MAX_NOTES or since + len(noted) != await transaction.policy_version():
        return None
    touched: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for _, kind, item_id in notes:
        touched[kind][item_id] = None
    return {kind: list(ids) for kind, ids in touched.items()} if touched.keys() <= _KINDS else None


class _Reading:
    """Reads the touched objects of each kind, many in one statement."""

    def __init__(self, transaction: Transaction, touched: dict[str, list[str]]) -> None:
        self._transaction = transaction
        self._touched = touched

    async def items(self, aggregate: Aggregate[T]) -> dict[str, T | None]:
        """Return the objects by id."""
        found: dict[str, T | None] = dict.fromkeys(self._touched.get(aggregate.table.name, ()))
        async for row in self._rows(aggregate.table, aggregate.id_column):
            item = aggregate.from_row(row)
            found[getattr(item, aggregate.id_column.name)] = item
        return found

    async def memberships(self) -> dict[str, list[str]]:
        """Return the ids of the groups of each user."""
        found: dict[str, list[str]] = {user_id: [] for user_id in self._touched.get(memberships.name, ())}
        async for row in self._rows(memberships, memberships.c.user_id):
            found[row.user_id].append(row.group_id)
        return found

    async def _rows(self, table: Table, column: Column[str]) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        for ids in _batches(self._touched.get(table.name, ())):
            for row in await self._transaction.rows(select(table).where(column.in_(ids))):
                yield row


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_PER_STATEMENT):
        yield ids[start : start + _IDS_PER_STATEMENT]
