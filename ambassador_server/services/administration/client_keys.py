"""Client keys: issuing, suspending, rotating and revoking."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import key_resource
from ambassador_server.domain.people.client_keys import (
    ClientKey,
    KeyStatus,
    check_length_of_line,
    check_number_of_keys,
    replacements,
)
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.new_keys import mint_client_key
from ambassador_server.domain.people.role_rules import check_may_act_for
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_name, check_owner
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.lookups import find_key, find_owner, find_user
from ambassador_server.services.changes.writing import EventTemplate, Written, differences, write


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key to issue; without `lifetime` it never expires. None sets nothing of a key that exists."""

    user: str
    name: str
    lifetime: timedelta | None = None
    owner: str | None = None
    meta_tools: MetaTools | None = None


@dataclass(frozen=True, slots=True)
class EnsuredKey:
    """A good key with the requested name; `secret` is None if the key existed already."""

    written: Written[ClientKey]
    secret: str | None


@dataclass(frozen=True, slots=True)
class KeyExpiry:
    """When a key expires; None if it never does."""

    at: datetime | None


class ClientKeys:
    """The use cases for client keys.

    `prolonged` is how long after the first issue of a key its user may replace it again and again; None does not let
    users prolong their keys.
    """

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        clock: Clock,
        pepper: bytes,
        prolonged: timedelta | None = None,
    ) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._pepper = pepper
        self._prolonged = prolonged

    async def issue(self, requester: Requester, spec: KeySpec) -> tuple[ClientKey, str]:
        """Issue a key for a user and return it with its secret, which is not stored."""
        async with self._changes.open(requester) as change:
            user = await find_user(change.work, spec.user)
            check_may_act_for(requester.administrator, user)
            check_number_of_keys(await change.work.keys.of(user_id=user.user_id), self._clock.now())
            key, secret = self._new(user.user_id, spec)
            await write(change, change.work.keys, None, key, _EVENTS, user=user.name)
        return key, secret

    async def ensure(self, requester: Requester, spec: KeySpec) -> EnsuredKey:
        """Issue a key unless the user has a good one with this name; of that, only owner and meta-tools are set.

        Raises ConflictError if there is a suspended one, because a suspended key must not be replaced by another.
        """
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            user = await find_user(change.work, spec.user)
            keys = await change.work.keys.of(user_id=user.user_id)
            before = _newest_usable(keys, spec.name, now)
            if before is None or spec.owner is not None or spec.meta_tools is not None:
                check_may_act_for(requester.administrator, user)
            if before is None:
                check_number_of_keys(keys, now)
                key, secret = self._new(user.user_id, spec)
                written = await write(change, change.work.keys, None, key, _EVENTS, user=user.name)
                return EnsuredKey(written, secret)
            if not before.is_good(now):
                raise ConflictError(
                    f"Key {spec.name!r} of {spec.user!r} is suspended; activate it, or revoke it for another"
                )
            written = await write(
                change, change.work.keys, before, _with_spec(before, spec), _EVENTS, user=user.name
            )
            return EnsuredKey(written, None)

    async def update(
        self,
        requester: Requester,
        key_id: str,
        *,
        status: KeyStatus | None = None,
        meta_tools: MetaTools | None = None,
    ) -> ClientKey:
        """Suspend or activate a key, or choose its meta-tools, with effect from the next call.

        Raises ConflictError for a revoked key, and InvalidInputError for the status `revoked`.
        """
        if status is KeyStatus.REVOKED:
            raise InvalidInputError(
                "status: a key is active or suspended; revoking it is a request of its own"
            )
        async with self._changes.open(requester) as change:
            before = await _find(change.work, requester, key_id)
            if before.status is KeyStatus.REVOKED:
                raise ConflictError("This key is revoked for good; issue another one")
            after = replace(
                before, status=status or before.status, meta_tools=meta_tools or before.meta_tools
            )
            return (await write(change, change.work.keys, before, after, _EVENTS)).item

    async def rotate(
        self, requester: Requester, key_id: str, *, overlap: timedelta, expiry: KeyExpiry | None = None
    ) -> tuple[ClientKey, str]:
        """Issue a key in place of another one, which stays valid for the overlap.

        The new key has the lifetime of the old one, or expires at `expiry`; it has the same owner, meta-tools and
        subscriptions. Raises ConflictError for a key that is not good.
        """
        now = self._clock.now()
        async with self._changes.open(requester) as change:
            old = await _find(change.work, requester, key_id)
            if not old.is_good(now):
                raise ConflictError("This key is not good any more; issue another one")
            keys = await change.work.keys.of(user_id=old.user_id)
            check_number_of_keys(keys, now)
            check_length_of_line(old, keys, now)
            lifetime = None if old.expires_at is None else old.expires_at - old.created_at
            key, secret = mint_client_key(
                self._pepper, now, user_id=old.user_id, name=old.name, lifetime=lifetime, owner=old.owner
            )
            key = replace(key, replaces=old.key_id, meta_tools=old.meta_tools, issuer_id=old.issuer_id)
            if expiry is not None:
                key = replace(key, expires_at=expiry.at)
            ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
            await change.work.keys.add(key)
            await change.work.keys.replace(replace(old, expires_at=ends))
            for each in await change.work.subscriptions.of(key_id=old.key_id):
                copied = replace(each, subscription_id=str(uuid.uuid4()), key_id=key.key_id)
                await change.work.subscriptions.add(copied)
            change.record(
                AuditAction.KEY_ROTATE, key_resource(old), replaced_by=key.key_id, ends=ends.isoformat()
            )
        return key, secret

    async def expiry_of_replacement(self, work: UnitOfWork, replaced: ClientKey) -> KeyExpiry:
        """Return when a key expires with which its user replaces another one.

        That is when the other one would expire, so that a stolen key cannot be prolonged forever. It is later if
        administrators let users prolong their keys, at most `prolonged` after the first key was issued.
        """
        if replaced.expires_at is None or self._prolonged is None:
            return KeyExpiry(replaced.expires_at)
        longest = await _first_issue(work, replaced) + self._prolonged
        same_lifetime = self._clock.now() + (replaced.expires_at - replaced.created_at)
        return KeyExpiry(max(replaced.expires_at, min(same_lifetime, longest)))

    async def revoke(
        self, requester: Requester, key_id: str, *, keep_replacements: bool = False
    ) -> ClientKey:
        """Revoke a key for good, and every key that replaced it, with effect from the next call.

        The holder of a stolen key may have replaced it. With `keep_replacements` those keys stay.
        """
        async with self._changes.open(requester) as change:
            key = await _find(change.work, requester, key_id)
            line = [key]
            if not keep_replacements:
                line += replacements(key_id, await change.work.keys.of(user_id=key.user_id))
            usable = [each for each in line if each.status is not KeyStatus.REVOKED]
            if not usable:
                raise ConflictError("This key is revoked already")
            for before in usable:
                await self._revoke_one(change, before, None if before is key else key_id)
        return replace(key, status=KeyStatus.REVOKED)

    async def _revoke_one(self, change: Change, before: ClientKey, because_of: str | None) -> None:
        after = replace(before, status=KeyStatus.REVOKED)
        await change.work.keys.replace(after)
        reason = {} if because_of is None else {"replacement_of": because_of}
        change.record(
            AuditAction.KEY_REVOKE,
            key_resource(after),
            prefix=after.prefix,
            **differences(before, after, _details),
            **reason,
        )

    async def page(self, listing: Listing) -> Slice[ClientKey]:
        """Return one page of the keys."""
        async with self._store.read() as work:
            return await work.keys.page(replace(listing, now=self._clock.now()))

    def _new(self, user_id: str, spec: KeySpec) -> tuple[ClientKey, str]:
        owner = None if spec.owner is None else check_owner(spec.owner)
        return mint_client_key(
            self._pepper,
            self._clock.now(),
            user_id=user_id,
            name=check_name("key", spec.name),
            lifetime=spec.lifetime,
            owner=owner,
            meta_tools=spec.meta_tools or MetaTools.INHERIT,
        )


def _with_spec(key: ClientKey, spec: KeySpec) -> ClientKey:
    owner = key.owner if spec.owner is None else check_owner(spec.owner)
    return replace(key, owner=owner, meta_tools=spec.meta_tools or key.meta_tools)


def _newest_usable(keys: list[ClientKey], name: str, now: datetime) -> ClientKey | None:
    """Return the newest good key with this name, or the newest suspended one that has not expired."""
    usable = [key for key in keys if key.name == name and key.can_be_used(now)]
    return max(usable, key=lambda key: (key.is_good(now), key.created_at), default=None)


async def _find(work: UnitOfWork, requester: Requester, key_id: str) -> ClientKey:
    key = await find_key(work, key_id)
    check_may_act_for(requester.administrator, await find_owner(work, key))
    return key


async def _first_issue(work: UnitOfWork, key: ClientKey) -> datetime:
    """Return when the first key in a chain of replacements was issued."""
    # All keys are read at once, because a chain may be long and other writers are waiting.
    keys = {each.key_id: each for each in await work.keys.of(user_id=key.user_id)}
    while key.replaces is not None and key.replaces in keys:
        key = keys[key.replaces]
    return key.created_at


def _details(key: ClientKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "status": key.status,
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
        "owner": key.owner,
        "meta_tools": key.meta_tools,
    }


_EVENTS = EventTemplate(
    created=AuditAction.KEY_ISSUE, updated=AuditAction.KEY_UPDATE, resource=key_resource, details=_details
)
