"""Client keys: issued once, shown once, revoked at once."""

import uuid
from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.listing import Listing, Slice
from ambassador_server.domain.names import check_name
from ambassador_server.domain.principal import ClientKey, KeyStatus
from ambassador_server.domain.tokens import PRESHARED_KEY_PREFIX, digest_key, mint_key, visible_prefix
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
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
        async with self._changes.open(requester) as change:
            user = await find_user(change.work, user_name)
            key, secret = self._mint(user.user_id, check_name("key", name), lasts)
            await change.work.keys.add(key)
            change.record(AuditAction.KEY_ISSUE, key_resource(key), user=user_name, prefix=key.prefix)
        return key, secret

    async def rotate(self, requester: Requester, key_id: str, *, overlap: timedelta) -> tuple[ClientKey, str]:
        """Issue a key in place of another, which stays good for the overlap and expires then.

        The new one lasts as long as the old one was meant to. Raises ConflictError for a key that is not good.
        """
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            old = await find_key(change.work, key_id)
            if not old.is_good(now):
                raise ConflictError("This key is not good any more; issue another one")
            lasts = None if old.expires_at is None else old.expires_at - old.created_at
            key, secret = self._mint(old.user_id, old.name, lasts)
            ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
            await change.work.keys.add(key)
            await change.work.keys.replace(replace(old, expires_at=ends))
            change.record(
                AuditAction.KEY_ROTATE, key_resource(old), replaced_by=key.key_id, ends=ends.isoformat()
            )
        return key, secret

    async def revoke(self, requester: Requester, key_id: str) -> ClientKey:
        """Revoke a key for good; it holds from the very next call on."""
        async with self._changes.open(requester) as change:
            before = await find_key(change.work, key_id)
            if before.status is KeyStatus.REVOKED:
                raise ConflictError("This key is revoked already")
            key = replace(before, status=KeyStatus.REVOKED)
            await change.work.keys.replace(key)
            change.record(AuditAction.KEY_REVOKE, key_resource(key), prefix=key.prefix)
        return key

    async def page(self, listing: Listing) -> Slice[ClientKey]:
        """Return one page of the keys."""
        async with self._store.read() as work:
            return await work.keys.page(listing)

    def _mint(self, user_id: str, name: str, lasts: timedelta | None) -> tuple[ClientKey, str]:
        secret, now = mint_key(PRESHARED_KEY_PREFIX), self._clock.now()
        key = ClientKey(
            key_id=str(uuid.uuid4()),
            user_id=user_id,
            name=name,
            prefix=visible_prefix(secret, PRESHARED_KEY_PREFIX),
            digest=digest_key(secret, self._pepper),
            status=KeyStatus.ACTIVE,
            created_at=now,
            expires_at=None if lasts is None else now + lasts,
            last_used_at=None,
            last_host=None,
        )
        return key, secret


async def find_key(work: UnitOfWork, key_id: str) -> ClientKey:
    """Return the key with this id, or raise NotFoundError."""
    key = await work.keys.get(key_id)
    if key is None:
        raise NotFoundError(f"No key {key_id!r}")
    return key


def key_resource(key: ClientKey) -> Resource:
    """Name a key for the audit."""
    return Resource(kind="key", id=key.key_id, name=key.name)
