"""The repositories of registrations at authorization servers and of connections that users have begun."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration
from ambassador_server.storage.credential_tables import oauth_clients, pending_connections
from ambassador_server.storage.object_mappings import PENDING_CONNECTIONS, REGISTRATIONS
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_item, check_key, check_value

_CLIENTS = oauth_clients.c
_PENDING = pending_connections.c


class RegistrationRepository(TableRepository[StoredRegistration]):
    """Implements `ports.oauth_records.RegistrationRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, REGISTRATIONS)

    async def find(self, mcp_id: str, issuer: str) -> StoredRegistration | None:
        """Return the registration for an MCP at an authorization server."""
        check_key(mcp_id, "The id")
        check_key(issuer, "The issuer")
        return await self._one(and_(_CLIENTS.mcp_id == mcp_id, _CLIENTS.issuer == issuer))

    async def replace_version(self, registration: StoredRegistration, *, expected: int) -> bool:
        """Replace a registration unless its version is another than expected."""
        check_item(registration)
        same = and_(_is(registration.registration_id), _CLIENTS.version == expected)
        row = REGISTRATIONS.to_row(registration)
        return await self._change(update(oauth_clients).where(same), row) > 0

    async def lock(self, registration_id: str, *, now: datetime, until: datetime) -> bool:
        """Reserve registering again; one statement, so that of two servers one succeeds."""
        check_value(now, "now")
        check_value(until, "until")
        await self._lock_shared()
        free = or_(_CLIENTS.locked_until.is_(None), _CLIENTS.locked_until <= now)
        statement = update(oauth_clients).where(and_(_is(registration_id), free))
        return await self._transaction.change(statement, {"locked_until": until}) > 0

    async def unlock(self, registration_id: str) -> None:
        """End a reservation."""
        await self._lock_shared()
        await self._transaction.change(
            update(oauth_clients).where(_is(registration_id)), {"locked_until": None}
        )


class PendingConnectionRepository(TableRepository[PendingConnection]):
    """Implements `ports.oauth_records.PendingConnectionRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, PENDING_CONNECTIONS)

    async def by_state(self, digest: str) -> PendingConnection | None:
        """Return the one whose state has this digest."""
        check_key(digest, "The digest")
        return await self._one(_PENDING.state_digest == digest)

    async def count(self) -> int:
        """Return how many there are."""
        rows = await self._transaction.rows(select(func.count()).select_from(pending_connections))
        return int(rows[0][0])

    async def expired(self, now: datetime, *, limit: int) -> Sequence[PendingConnection]:
        """Return those that have expired."""
        check_value(now, "now")
        await self._lock_shared()
        statement = select(pending_connections).where(_PENDING.expires_at <= now)
        ordered = statement.order_by(_PENDING.expires_at, _PENDING.pending_id).limit(limit)
        return [PENDING_CONNECTIONS.from_row(row) for row in await self._transaction.rows(ordered)]


def _is(registration_id: str) -> ColumnElement[bool]:
    check_key(registration_id, "The id")
    return _CLIENTS.registration_id == registration_id
