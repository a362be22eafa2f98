"""Logins of people who administer: a password opens a key that lasts for hours and has the user's roles."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

from ambassador_server.domain.administration import can_log_in
from ambassador_server.domain.administrator import Administrator, AdminKey, Password
from ambassador_server.domain.audit import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.names import check_name
from ambassador_server.domain.passwords import comparable
from ambassador_server.domain.principal import Origin, User
from ambassador_server.errors import ConflictError, WrongPasswordError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.passwords import PasswordHashing, PasswordTurn
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.admin_keys import admin_key_resource, mint_admin_key
from ambassador_server.services.auditor import Auditor
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.guesses import PasswordGuesses
from ambassador_server.services.users import user_resource

_KEPT_AFTER_END = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Proof:
    """A user and the password that was right; `fresh` is its hash anew where the stored one is outdated."""

    user: User
    stored: Password
    fresh: str | None


class Logins:
    """Opens and closes logins."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        auditor: Auditor,
        hashing: PasswordHashing,
        throttle: Throttle,
        clock: Clock,
        lasts: timedelta,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._changes = changes
        self._auditor = auditor
        self._hashing = hashing
        self._guesses = PasswordGuesses(throttle)
        self._clock = clock
        self._lasts = lasts
        self._pepper = pepper

    async def open(
        self, user_name: str, password: str, origin: Origin
    ) -> tuple[AdminKey, str, Administrator]:
        """Return a new login, its secret, which is kept nowhere, and who it is.

        Raises WrongPasswordError whatever is wrong, RateLimitedError after too many of those, and OverloadedError.
        """
        check_name("user", user_name)
        async with self._hashing.turn() as turn:
            # Inside the turn: of many guesses sent at once, all but a few must find the count of those before.
            self._guesses.check(user_name, origin.address)
            user, stored = await self._find(user_name)
            proof = await _prove(turn, user, stored, password)
            if proof is None:
                self._guesses.failed(user_name, origin.address)
        if proof is None:
            await self._refused(user, origin)
            raise WrongPasswordError("Wrong user name or password, or not an administrator")
        opened = await self._issue(proof, origin)
        self._guesses.succeeded(user_name, origin.address)
        return opened

    async def close(self, requester: Requester) -> None:
        """End the login that the requester uses. Raises ConflictError for a key that is no login."""
        key_id = "" if requester.administrator is None else requester.administrator.admin_key_id
        async with self._changes.open(requester) as change:
            key = await change.work.admin_keys.get(key_id)
            if key is None or not key.is_login:
                raise ConflictError(
                    "This is an admin key, not a login.",
                    hint="ambassador-admin admin-key revoke NAME ends it",
                )
            await change.work.admin_keys.replace(replace(key, revoked_at=self._clock.now()))
            change.record(AuditAction.ADMIN_CLOSE, admin_key_resource(key))

    async def forget_expired(self) -> None:
        """Drop the logins that were over a week ago; the audit knows them longer."""
        async with self._store.write() as work:
            await work.admin_keys.forget_logins(self._clock.now() - _KEPT_AFTER_END)

    async def _find(self, user_name: str) -> tuple[User | None, Password | None]:
        async with self._store.read() as work:
            user = await work.users.by_name(user_name)
            return user, None if user is None else await work.passwords.get(user.user_id)

    async def _issue(self, proof: _Proof, origin: Origin) -> tuple[AdminKey, str, Administrator]:
        user = proof.user
        key, secret = mint_admin_key(
            self._pepper,
            self._clock.now(),
            name=f"login-{uuid.uuid4()}",
            roles=(),
            lasts=self._lasts,
            user_id=user.user_id,
            created_by=user.name,
        )
        administrator = administrator_of(key, user)
        async with self._changes.open(Requester(administrator, origin)) as change:
            stored, user_now = (
                await change.work.passwords.get(user.user_id),
                await change.work.users.get(user.user_id),
            )
            if stored is None or stored.changed_at != proof.stored.changed_at or not _may(user_now):
                raise WrongPasswordError("The user has just been changed; log in again")
            if proof.fresh is not None:
                await change.work.passwords.replace(replace(stored, hash=proof.fresh))
            await change.work.admin_keys.add(key)
            change.record(AuditAction.ADMIN_OPEN, admin_key_resource(key))
        return key, secret, administrator

    async def _refused(self, user: User | None, origin: Origin) -> None:
        # A name that nobody has is not recorded: people type their password there.
        nobody = Resource(kind="user", id=None, name=None)
        await self._auditor.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=nobody if user is None else user_resource(user),
            origin=origin,
            reason="invalid_credentials",
        )


def administrator_of(key: AdminKey, user: User) -> Administrator:
    """Return who a login acts for: the user, with the roles of this moment."""
    return Administrator(
        admin_key_id=key.admin_key_id,
        name=user.name,
        roles=user.roles,
        expires_at=key.expires_at,
        user_id=user.user_id,
    )


async def _prove(
    turn: PasswordTurn, user: User | None, stored: Password | None, password: str
) -> _Proof | None:
    offered = comparable(password)
    against = None if offered is None or stored is None else stored.hash
    is_right = await turn.verify(offered or "", against)
    if offered is None or user is None or stored is None or not is_right or not can_log_in(user):
        return None
    return _Proof(user, stored, await turn.hash(offered) if turn.is_outdated(stored.hash) else None)


def _may(user: User | None) -> bool:
    return user is not None and can_log_in(user)
