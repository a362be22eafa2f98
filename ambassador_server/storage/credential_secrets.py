"""The repository of the sealed values of users' credentials."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update

from ambassador_server.domain.people.credentials import StoredSecret
from ambassador_server.errors import ConflictError
from ambassador_server.storage.credential_tables import credential_secrets
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_item, check_key, check_value

_COLUMNS = credential_secrets.c
_NAMES = tuple(field.name for field in fields(StoredSecret))


class SecretRepository:
    """Implements `ports.secret_store.SecretRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def put(self, secret: StoredSecret) -> None:
        """Store a value in the place of an earlier one."""
        check_item(secret)
        await self._queue()
        statement = update(credential_secrets).where(_is(secret.credential_id, secret.field))
        if await self._transaction.change(statement, _row(secret)):
            return
        try:
            await self._transaction.change(insert(credential_secrets), _row(secret))
        except RefusedError:
            raise ConflictError("The value belongs to an unknown credential.") from None

    async def get(self, credential_id: str, field: str) -> StoredSecret | None:
        """Return one value."""
        found = await self._select(_is(credential_id, field))
        return found[0] if found else None

    async def of(self, credential_id: str) -> Sequence[StoredSecret]:
        """Return the values of a credential, by field."""
        check_key(credential_id, "The id")
        return await self._select(_COLUMNS.credential_id == credential_id)

    async def remove(self, credential_id: str, field: str) -> bool:
        """Delete a value."""
        await self._queue()
        statement = delete(credential_secrets).where(_is(credential_id, field))
        return await self._transaction.change(statement) > 0

    async def replace_version(self, secret: StoredSecret, *, expected: int) -> bool:
        """Replace a value unless its version is another than expected."""
        check_item(secret)
        await self._queue()
        same = and_(_is(secret.credential_id, secret.field), _COLUMNS.version == expected)
        return await self._transaction.change(update(credential_secrets).where(same), _row(secret)) > 0

    async def lock(self, credential_id: str, field: str, *, now: datetime, until: datetime) -> bool:
        """Reserve the refresh of a value; one statement, so that of two servers one succeeds."""
        check_value(now, "now")
        check_value(until, "until")
        # Every transaction takes its turn before it locks a row, or two of them could wait for each other.
        await self._queue()
        free = or_(_COLUMNS.locked_until.is_(None), _COLUMNS.locked_until <= now)
        statement = update(credential_secrets).where(and_(_is(credential_id, field), free))
        return await self._transaction.change(statement, {"locked_until": until}) > 0

    async def unlock(self, credential_id: str, field: str) -> None:
        """End a reservation."""
        await self._queue()
        statement = update(credential_secrets).where(_is(credential_id, field))
        await self._transaction.change(statement, {"locked_until": None})

    async def _select(self, condition: ColumnElement[bool], limit: int | None = None) -> list[StoredSecret]:
        await self._queue()
        statement = (
            select(credential_secrets)
            .where(condition)
            .order_by(_COLUMNS.credential_id, _COLUMNS.field)
            .limit(limit)
        )
        return [_secret(row) for row in await self._transaction.rows(statement)]

    async def _queue(self) -> None:
        # A transaction that reads a value and writes it back must not overwrite what another server has written.
        await self._transaction.queue(Lock.POLICY)


def _is(credential_id: str, field: str) -> ColumnElement[bool]:
    check_key(credential_id, "The id")
    check_key(field, "The field")
    return and_(_COLUMNS.credential_id == credential_id, _COLUMNS.field == field)


def _row(secret: StoredSecret) -> dict[str, Any]:
    return {name: getattr(secret, name) for name in _NAMES}


def _secret(row: Row[*tuple[Any, ...]]) -> StoredSecret:
    return StoredSecret(**{name: getattr(row, name) for name in _NAMES})
