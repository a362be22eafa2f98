"""Reads which policy objects changed since a version, so that the others need not be read again."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, Row, Table, select

from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.storage.object_mappings import (
    APPROVED_TOOLS,
    CLIENT_KEYS,
    CREDENTIALS,
    GRANTS,
    GROUPS,
    ISSUERS,
    KILL_SWITCHES,
    LIMITS,
    MCPS,
    SUBSCRIPTIONS,
    USERS,
    ObjectMapping,
)
from ambassador_server.storage.tables import memberships, policy_changes
from ambassador_server.storage.transaction import MAX_CHANGES, Transaction
from ambassador_server.storage.value_checks import portions_of_keys

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_RECORDED_IDS: dict[Table, Column[str]] = {
    mapping.table: mapping.id_column
    for mapping in (
        USERS,
        GROUPS,
        CLIENT_KEYS,
        MCPS,
        APPROVED_TOOLS,
        GRANTS,
        KILL_SWITCHES,
        LIMITS,
        ISSUERS,
        SUBSCRIPTIONS,
        CREDENTIALS,
    )
} | {memberships: memberships.c.user_id}
"""The column whose value a recorded change names, for each table of the policy."""

_KINDS = frozenset(table.name for table in _RECORDED_IDS)


async def changes_since(transaction: Transaction, version: int) -> PolicyChanges | None:
    """Return the objects that changed after this version, as they are now; None if all have to be read."""
    changed_ids = await _changed_ids(transaction, version)
    if changed_ids is None:
        return None
    reader = _ChangeReader(transaction, changed_ids)
    return PolicyChanges(
        users=await reader.items(USERS),
        groups=await reader.items(GROUPS),
        memberships=await reader.memberships(),
        keys=await reader.items(CLIENT_KEYS),
        mcps=await reader.items(MCPS),
        approved=await reader.items(APPROVED_TOOLS),
        grants=await reader.items(GRANTS),
        switches=await reader.items(KILL_SWITCHES),
        limits=await reader.items(LIMITS),
        issuers=await reader.items(ISSUERS),
        subscriptions=await reader.items(SUBSCRIPTIONS),
        credentials=await reader.items(CREDENTIALS),
    )


async def cascaded_rows(transaction: Transaction, table: Table, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return the kind and id of the policy objects that the database deletes together with these rows.

    More than MAX_CHANGES of a kind are not read, because such a transaction records no single objects.
    """
    found: list[tuple[str, str]] = []
    for dependent, id_column in _RECORDED_IDS.items():
        for key in dependent.foreign_key_constraints:
            if key.referred_table is not table or not ids:
                continue
            (column,) = key.columns
            rows = await transaction.rows(select(id_column).where(column.in_(ids)).limit(MAX_CHANGES + 1))
            deleted = [row[0] for row in rows]
            found += [(dependent.name, each) for each in deleted]
            found += await cascaded_rows(transaction, dependent, deleted)
    return found


async def _changed_ids(transaction: Transaction, since: int) -> dict[str, list[str]] | None:
    """Return ids by kind; None if a version has no record of its changes, or one of a kind that is unknown here."""
    columns = policy_changes.c
    changes = await transaction.rows(
        select(columns.version, columns.kind, columns.item_id)
        .where(columns.version > since)
        .order_by(columns.version, columns.number)
        .limit(MAX_CHANGES + 1)
    )
    recorded = {version for version, _, _ in changes}
    if len(changes) > MAX_CHANGES or since + len(recorded) != await transaction.policy_version():
        return None
    changed_ids: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for _, kind, item_id in changes:
        changed_ids[kind][item_id] = None
    return {kind: list(ids) for kind, ids in changed_ids.items()} if changed_ids.keys() <= _KINDS else None


class _ChangeReader:
    """Reads the changed objects of each kind, many in one statement."""

    def __init__(self, transaction: Transaction, changed_ids: dict[str, list[str]]) -> None:
        self._transaction = transaction
        self._changed_ids = changed_ids

    async def items(self, mapping: ObjectMapping[T]) -> dict[str, T | None]:
        """Return the objects by id."""
        found: dict[str, T | None] = dict.fromkeys(self._changed_ids.get(mapping.table.name, ()))
        async for row in self._rows(mapping.table, mapping.id_column):
            item = mapping.from_row(row)
            found[getattr(item, mapping.id_column.name)] = item
        return found

    async def memberships(self) -> dict[str, list[str]]:
        """Return the group ids of each user."""
        found: dict[str, list[str]] = {user_id: [] for user_id in self._changed_ids.get(memberships.name, ())}
        async for row in self._rows(memberships, memberships.c.user_id):
            found[row.user_id].append(row.group_id)
        return found

    async def _rows(self, table: Table, column: Column[str]) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        for ids in portions_of_keys(self._changed_ids.get(table.name, ())):
            for row in await self._transaction.rows(select(table).where(column.in_(ids))):
                yield row
