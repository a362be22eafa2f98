"""The repositories that read and write whole objects through their `ObjectMapping`."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Delete, Insert, Update, delete, insert, select, update

from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.storage.dialects import Lock, Violation
from ambassador_server.storage.listing import read_page
from ambassador_server.storage.object_mappings import CLIENT_KEYS, ObjectMapping
from ambassador_server.storage.policy_changes import cascaded_rows
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_item, check_key, check_value

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class TableRepository(Generic[T]):
    """Reads and writes objects of one kind."""

    def __init__(self, transaction: Transaction, mapping: ObjectMapping[T]) -> None:
        self._transaction = transaction
        self._mapping = mapping

    async def add(self, item: T) -> None:
        """Store a new object."""
        check_item(item)
        await self._write(insert(self._mapping.table), item)

    async def replace(self, item: T) -> None:
        """Replace the stored object with the same id."""
        check_item(item)
        key = self._mapping.id_column
        same = key == getattr(item, key.name)
        if await self._write(update(self._mapping.table).where(same), item) == 0:
            raise NotFoundError(f"{self._mapping.label(item)} does not exist.")

    async def remove(self, item_id: str) -> None:
        """Delete the object and everything that belongs to it."""
        check_key(item_id, "The id")
        mapping = self._mapping
        await self._lock_shared()
        touched = []
        if mapping.is_policy:
            cascaded = await cascaded_rows(self._transaction, mapping.table, [item_id])
            touched = [(mapping.table.name, item_id), *cascaded]
        statement = delete(mapping.table).where(mapping.id_column == item_id)
        if await self._change(statement) == 0:
            raise NotFoundError(f"{mapping.noun} {item_id!r} does not exist.")
        for kind, each in touched:
            await self._transaction.policy_changed(kind, each)

    async def get(self, item_id: str) -> T | None:
        """Return the object with this id."""
        check_key(item_id, "The id")
        return await self._one(self._mapping.id_column == item_id)

    async def all(self) -> list[T]:
        """Return every object, ordered by natural name, else by time of creation, else by id."""
        await self._lock_shared()
        statement = select(self._mapping.table).order_by(*self._mapping.order)
        return await self._transaction.objects(statement, self._mapping.from_row)

    async def of(self, **owners: str) -> list[T]:
        """Return the objects that belong to all of these, as in `of(group_id=...)`, in the order of `all`."""
        for name, owner_id in owners.items():
            check_key(owner_id, f"The {name}")
        return await self._select(
            *(self._mapping.table.c[name] == owner_id for name, owner_id in owners.items())
        )

    async def page(self, listing: Listing) -> Slice[T]:
        """Return one page of the objects; raises InvalidInputError for an unknown filter or sort field."""
        await self._lock_shared()
        return await read_page(self._transaction, self._mapping, listing)

    async def _one(self, condition: ColumnElement[bool]) -> T | None:
        found = await self._select(condition)
        return found[0] if found else None

    async def _select(self, *conditions: ColumnElement[bool]) -> list[T]:
        await self._lock_shared()
        statement = select(self._mapping.table).where(*conditions).order_by(*self._mapping.order)
        return [self._mapping.from_row(row) for row in await self._transaction.rows(statement)]

    async def _write(self, statement: Insert | Update, item: T) -> int:
        mapping = self._mapping
        try:
            count = await self._change(statement, mapping.to_row(item))
        except RefusedError as refused:
            label = mapping.label(item)
            if refused.violation is Violation.TAKEN:
                raise ConflictError(f"{label} exists already.") from None
            raise ConflictError(f"{label} refers to an unknown {mapping.owners}.") from None
        if count and mapping.is_policy:
            await self._transaction.policy_changed(mapping.table.name, getattr(item, mapping.id_column.name))
        return count

    async def _change(self, statement: Insert | Update | Delete, row: Mapping[str, Any] | None = None) -> int:
        await self._lock_shared()
        return await self._transaction.change(statement, row)

    async def _lock_shared(self) -> None:
        # A transaction that reads an object and writes it back must not overwrite a change by another server.
        if self._mapping.is_shared:
            await self._transaction.queue(Lock.POLICY)


class NamedTableRepository(TableRepository[T]):
    """Objects with a unique natural name."""

    async def by_name(self, name: str) -> T | None:
        """Return the object with this natural name."""
        check_key(name, "The name")
        return await self._one(self._mapping.table.c.name == name)

    async def names(self) -> list[str]:
        """Return every natural name, sorted."""
        await self._lock_shared()
        name = self._mapping.table.c.name
        return [row[0] for row in await self._transaction.rows(select(name).order_by(name))]


class ClientKeyRepository(TableRepository[ClientKey]):
    """Client keys with their last use."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, CLIENT_KEYS)

    async def touch(self, key_id: str, *, at: datetime, host: str) -> None:
        """Store the last use of a key, if the key exists; the policy version stays the same."""
        check_key(key_id, "The id")
        check_value(at, "at")
        check_value(host, "host")
        await self._transaction.change(
            update(CLIENT_KEYS.table)
            .where(CLIENT_KEYS.id_column == key_id)
            .values(last_used_at=at, last_host=host)
        )
