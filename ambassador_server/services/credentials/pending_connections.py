"""Stores the connections that users have begun, within bounds; what nobody finishes is revoked at its provider."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.people.oauth_records import PendingConnection
from ambassador_server.errors import AuthorizationError, NotFoundError, OverloadedError, VaultError
from ambassador_server.ports.authorization import OAuthClient
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.throttle import Rate, RateRefusal
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.lookups import refuse_inactive
from ambassador_server.services.credentials.oauth_grants import Begun, Grant, GrantVault
from ambassador_server.services.credentials.stored_credentials import REVOCATION, revocation_id
from ambassador_server.services.shared.database_deadline import within_deadline

MOST_OF_A_USER: Final = 5
MOST: Final = 10_000
MOST_BEGUN_PER_MINUTE: Final = 20
"""How often one client key may begin to connect in a minute."""
_AT_ONCE: Final = 20
_RETRY: Final = timedelta(minutes=5)
_GIVE_UP: Final = timedelta(days=1)

_log = logging.getLogger(__name__)


class PendingConnections:
    """A row is a connection that a user has begun, or a grant that is to be revoked."""

    def __init__(
        self,
        *,
        store: Store,
        vault: GrantVault,
        client: OAuthClient,
        recorder: Recorder,
        clock: Clock,
        rate: Rate,
        most: int = MOST,
    ) -> None:
        self._store = store
        self._vault = vault
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._rate = rate
        self._most = most

    def may_begin(self, key_id: str) -> RateRefusal | None:
        """Count a beginning of a client key, or return the refusal if the key has to wait."""
        return self._rate.take(key_id)

    @within_deadline
    async def add(self, row: PendingConnection) -> None:
        """Store a begun connection; a user's oldest one ends if there are too many. Raises OverloadedError."""
        async with self._store.write() as work:
            await refuse_inactive(work, row.user_id)
            if await work.pending.count() >= self._most:
                raise OverloadedError("Too many connections are begun at this time")
            own = [each for each in await work.pending.of(user_id=row.user_id) if self._is_live(each)]
            for oldest in own[: max(0, len(own) - MOST_OF_A_USER + 1)]:
                await work.pending.replace(oldest.ended(self._clock.now()))
            await work.pending.add(row)

    async def live(self, work: UnitOfWork, pending_id: str) -> PendingConnection | None:
        """Return a begun connection that has not expired."""
        row = await work.pending.get(pending_id)
        return row if row is not None and self._is_live(row) else None

    async def store_begun(self, row: PendingConnection, content: Grant | Begun) -> None:
        """Store what a next request needs; does nothing if the connection was removed meanwhile."""
        await self._store_content(row, content, row.code_digest)

    async def store_grant(self, row: PendingConnection, grant: Grant, *, code_digest: str | None) -> None:
        """Keep a grant until its user finishes, or to revoke it if the connection was removed meanwhile."""
        await self._store_content(row, grant, code_digest)

    async def remove(self, pending_id: str) -> None:
        """Delete a begun connection, if it is there."""
        async with self._store.write() as work:
            await _remove(work, pending_id)

    async def revoke_expired(self) -> None:
        """Delete what has expired; grants among it are revoked at their providers first, and again if that fails."""
        async with self._store.read() as work:
            rows = await work.pending.expired(self._clock.now(), limit=_AT_ONCE)
        for row in rows:
            if await self.revoke(row) is None and self._clock.now() < row.created_at + _GIVE_UP:
                await self._postpone(row)
            else:
                await self.remove(row.pending_id)

    async def revoke(self, row: PendingConnection) -> bool | None:
        """Revoke the grant of a row; False if there is nothing to revoke, None if that has to be tried again."""
        try:
            content = self._vault.open(row.key_number, row.sealed, row.user_id, row.mcp_id)
        except VaultError as error:
            _log.error("a grant cannot be revoked at its provider: %s", error.message)
            return False
        if not isinstance(content, Grant) or content.server.revocation_endpoint is None:
            return False
        async with self._store.read() as work:
            user, mcp = await work.users.get(row.user_id), await work.mcps.get(row.mcp_id)
        await self._recorder.event(
            AuditAction.GRANT_REVOKE,
            Outcome.PERMITTED,
            resource=Resource(kind="mcp", id=row.mcp_id, name=None if mcp is None else mcp.name),
            details={"issuer": content.server.issuer, "user": None if user is None else user.name},
        )
        try:
            return await self._client.revoke(content.server, content.registration, content.tokens)
        except AuthorizationError as error:
            _log.warning("a grant was not revoked at %s: %s", content.server.issuer, error.message)
            return None

    def _is_live(self, row: PendingConnection) -> bool:
        return row.expires_at > self._clock.now() and not row.pending_id.startswith(REVOCATION)

    async def _postpone(self, row: PendingConnection) -> None:
        async with self._store.write() as work:
            if await work.pending.get(row.pending_id) is not None:
                # Under another id it is no begun connection, whatever its time says.
                await work.pending.remove(row.pending_id)
                later = row.ended(self._clock.now() + _RETRY)
                await work.pending.add(replace(later, pending_id=revocation_id()))

    async def _store_content(
        self, row: PendingConnection, content: Grant | Begun, code_digest: str | None
    ) -> None:
        sealed = self._vault.seal(content, row.user_id, row.mcp_id)
        async with self._store.write() as work:
            known = await work.pending.get(row.pending_id)
            if known is not None:
                changed = replace(known, key_number=sealed.key_number, sealed=sealed.content)
                # The code finishes nothing that has ended while the provider was asked.
                code = code_digest if self._is_live(known) else None
                await work.pending.replace(replace(changed, code_digest=code))
            elif isinstance(content, Grant) and await _has_owners(work, row):
                lost = replace(row, key_number=sealed.key_number, sealed=sealed.content)
                await work.pending.add(replace(lost.ended(self._clock.now()), pending_id=revocation_id()))


async def _has_owners(work: UnitOfWork, row: PendingConnection) -> bool:
    return await work.users.get(row.user_id) is not None and await work.mcps.get(row.mcp_id) is not None


async def _remove(work: UnitOfWork, pending_id: str) -> None:
    try:
        await work.pending.remove(pending_id)
    except NotFoundError:
        return
