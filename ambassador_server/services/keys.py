"""Client keys: issued once, shown once, revoked at once."""

import uuid
from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.names import check_name
from ambassador_server.domain.principal import ClientKey, KeyStatus
from ambassador_server.domain.tokens import PRESHARED_KEY_PREFIX, digest_key, mint_key, visible_prefix
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.users import find_user


class Keys:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock, pepper: bytes) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._pepper = pepper

    async def issue(
        self, requester: Requester, *, user_name: str, name: str, lasts: timedelta | None
    ) -> tuple[ClientKey, str]:
        """Issue a key for a user and return it with its secret, which is kept nowhere."""
        secret, now = mint_key(PRESHARED_KEY_PREFIX), self._clock.now()
        async with self._changes.open(requester) as change:
            user = await find_user(change.work, user_name)
            key = ClientKey(
                key_id=str(uuid.uuid4()),
                user_id=user.user_id,
                name=check_name("key", name),
                prefix=visible_prefix(secret, PRESHARED_KEY_PREFIX),
                digest=digest_key(secret, self._pepper),
                status=KeyStatus.ACTIVE,
                created_at=now,
                expires_at=None if lasts is None else now + lasts,
                last_used_at=None,
                last_host=None,
            )
            await change.work.keys.add(key)
            change.record(AuditAction.KEY_ISSUE, key_resource(key), user=user_name, prefix=key.prefix)
        return key, secret

    async def revoke(self, requester: Requester, key_id: str) -> ClientKey:
        """Revoke a key for good; it holds from the very next call on."""
        async with self._changes.open(requester) as change:
            before = await change.work.keys.get(key_id)
            if before is None:
                raise NotFoundError(f"No key {key_id!r}")
            if before.status is KeyStatus.REVOKED:
                raise ConflictError("This key is revoked already")
            key = replace(before, status=KeyStatus.REVOKED)
            await change.work.keys.replace(key)
            change.record(AuditAction.KEY_REVOKE, key_resource(key), prefix=key.prefix)
        return key

    async def all(self) -> list[ClientKey]:
        """Return every key, oldest first."""
        async with self._store.read() as work:
            return await work.keys.all()


def key_resource(key: ClientKey) -> Resource:
    """Name a key for the audit."""
    return Resource(kind="key", id=key.key_id, name=key.name)
