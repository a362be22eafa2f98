"""Proves a person by name and password, slowly, and the same way whatever is wrong."""

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
from ambassador_server.ports.passwords import PasswordHashing, PasswordTurn
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.sign_in.login_throttle import PasswordThrottle


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """A user and the password that was right; `fresh` is its hash anew where the stored one is outdated."""

    user: User
    stored: Password
    fresh: str | None

    async def check(self, work: UnitOfWork) -> Password:
        """Return the password as it is now. Raises WrongPasswordError if user or password were changed meanwhile."""
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
    """The only place that looks at a password."""

    def __init__(
        self, *, store: Store, recorder: Recorder, hashing: PasswordHashing, throttle: Throttle
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._hashing = hashing
        self._login_throttle = PasswordThrottle(throttle)

    async def prove(self, user_name: str, password: str, origin: Origin) -> PasswordProof:
        """Return who that is.

        Raises WrongPasswordError whatever is wrong, RateLimitedError after too many of those, and OverloadedError.
        """
        check_name("user", user_name)
        async with self._hashing.turn() as turn:
            # Inside the turn: of many guesses sent at once, all but a few must find the count of those before.
            self._login_throttle.check(user_name, origin.address)
            user, stored = await self._find(user_name)
            proof = await _verify(turn, user, stored, password)
            if proof is None:
                self._login_throttle.failed(user_name, origin.address)
        if proof is None:
            await self._refused(user, origin)
            raise WrongPasswordError("Wrong user name or password, or not an administrator")
        self._login_throttle.succeeded(user_name, origin.address)
        return proof

    async def _find(self, user_name: str) -> tuple[User | None, Password | None]:
        async with self._store.read() as work:
            user = await work.users.by_name(user_name)
            return user, None if user is None else await work.passwords.get(user.user_id)

    async def _refused(self, user: User | None, origin: Origin) -> None:
        # A name that nobody has is not recorded: people type their password there.
        nobody = Resource(kind="user", id=None, name=None)
        await self._recorder.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=nobody if user is None else user_resource(user),
            origin=origin,
            reason="invalid_credentials",
        )


async def _verify(
    turn: PasswordTurn, user: User | None, stored: Password | None, password: str
) -> PasswordProof | None:
    offered = normalised_password(password)
    against = None if offered is None or stored is None else stored.hash
    is_right = await turn.verify(offered or "", against)
    if offered is None or user is None or stored is None or not is_right or not can_log_in(user):
        return None
    return PasswordProof(user, stored, await turn.hash(offered) if turn.is_outdated(stored.hash) else None)
