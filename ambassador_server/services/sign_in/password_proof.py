"""Authenticates users by password, with the same answer and delay for every failure."""

from dataclasses import dataclass

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.audit.resources import user_resource
from ambassador_server.domain.people.administrators import Password
from ambassador_server.domain.people.password_rules import normalised_password
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.role_rules import can_log_in
from ambassador_server.domain.people.users import User
from ambassador_server.domain.shared.names import check_name
from ambassador_server.errors import WrongPasswordError
from ambassador_server.ports.passwords import PasswordHasher, PasswordHasherPool
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.login_throttle import PasswordThrottle


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """A user and the password that matched; `new_hash` is set if the stored hash is outdated."""

    user: User
    stored: Password
    new_hash: str | None

    async def check(self, work: UnitOfWork) -> Password:
        """Return the password as stored now. Raises WrongPasswordError if the user or the password has changed."""
        stored, user = await work.passwords.get(self.user.user_id), await work.users.get(self.user.user_id)
        if (
            stored is None
            or stored.changed_at != self.stored.changed_at
            or user is None
            or not can_log_in(user)
        ):
            raise WrongPasswordError("The user has just been changed; try again")
        return stored


class PasswordProver:
    """Checks passwords; no other code does."""

    def __init__(
        self, *, store: Store, recorder: Recorder, hashers: PasswordHasherPool, throttle: Throttle
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._hashers = hashers
        self._login_throttle = PasswordThrottle(throttle)

    async def prove(self, user_name: str, password: str, origin: Origin) -> PasswordProof:
        """Return the user of this name and password.

        Raises WrongPasswordError, RateLimitedError after too many of those, and OverloadedError.
        """
        check_name("user", user_name)
        async with self._hashers.acquire() as hasher:
            # After waiting for a hasher, so that most of many guesses sent at once see the updated count.
            self._login_throttle.check(user_name, origin.address)
            user, stored = await self._find(user_name)
            proof = await _verify(hasher, user, stored, password)
            if proof is None:
                self._login_throttle.failed(user_name, origin.address)
        if proof is None:
            await self._record_refusal(user, origin)
            raise WrongPasswordError("Wrong user name or password, or not an administrator")
        self._login_throttle.succeeded(user_name, origin.address)
        return proof

    async def _find(self, user_name: str) -> tuple[User | None, Password | None]:
        async with self._store.read() as work:
            user = await work.users.by_name(user_name)
            return user, None if user is None else await work.passwords.get(user.user_id)

    async def _record_refusal(self, user: User | None, origin: Origin) -> None:
        # The name of an unknown user is not recorded, because people type their password there by mistake.
        unknown = Resource(kind="user", id=None, name=None)
        await self._recorder.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=unknown if user is None else user_resource(user),
            origin=origin,
            reason="invalid_credentials",
        )


async def _verify(
    hasher: PasswordHasher, user: User | None, stored: Password | None, password: str
) -> PasswordProof | None:
    normalised = normalised_password(password)
    stored_hash = None if normalised is None or stored is None else stored.hash
    matches = await hasher.verify(normalised or "", stored_hash)
    if normalised is None or user is None or stored is None or not matches or not can_log_in(user):
        return None
    return PasswordProof(
        user, stored, await hasher.hash(normalised) if hasher.is_outdated(stored.hash) else None
    )
