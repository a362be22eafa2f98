"""Proves a person by a client key, keeps stopped people out, and remembers where each key is used."""

from collections import OrderedDict
from datetime import datetime

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.domain.secrets.tokens import (
    PRESHARED_KEY_PREFIX,
    digest_key,
    is_well_formed,
    same,
    visible_prefix,
)
from ambassador_server.errors import InvalidKeyError, StoppedError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.login_throttle import count_wrong_key

_MOST_HOSTS = 20_000


class KeyProver:
    """The only place that looks at a client key."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._pepper = pepper
        self._uses: dict[str, tuple[datetime, str]] = {}
        self._hosts: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def prove(self, preshared_key: str, origin: Origin) -> tuple[ClientKey, User]:
        """Return the key and its user. A good key is never made to wait for somebody else's guesses.

        Raises InvalidKeyError, and RateLimitedError for an address that guesses.
        """
        found = self._find(preshared_key)
        if found is None:
            count_wrong_key(self._throttle, origin)
            await self._refused(preshared_key, origin)
            raise InvalidKeyError("Invalid or inactive key")
        return found

    async def identify(self, preshared_key: str, origin: Origin) -> Principal:
        """Return who holds this key, for hosts that present it with every request instead of a token."""
        key, user = await self.prove(preshared_key, origin)
        await self.used(key, user, origin)
        return principal_of(key, user)

    async def used(self, key: ClientKey, user: User, origin: Origin, *, host: str | None = None) -> None:
        """Note a use, and record the first one from this host and from this address.

        `host` is what the client calls its machine. That is remembered while the server runs, and longer for the last
        host of a key.
        """
        self._uses[key.key_id] = (self._clock.now(), host or origin.address)
        news = [each for each in (host, origin.address) if each is not None and self._is_new(key, each)]
        if news:
            await self._recorder.event(
                AuditAction.KEY_NEW_HOST,
                Outcome.SUCCEEDED,
                actor=user_actor(principal_of(key, user)),
                resource=Resource(kind="key", id=key.key_id, name=key.name),
                origin=origin,
                details={"host": host, "last_host": key.last_host},
            )
            for each in news:
                self._remember(key, each)

    def was_used(self, key_id: str) -> bool:
        """Tell whether a key was used of late, which the store may not know yet."""
        return key_id in self._uses

    async def save_uses(self) -> None:
        """Store when and on which host each key was last used; registering must not wait for it."""
        uses = dict(self._uses)
        if uses:
            async with self._store.write(durable=False) as work:
                for key_id, (at, host) in uses.items():
                    await work.keys.touch(key_id, at=at, host=host)
        # Only now: until it is stored, nobody else could tell that a key was used.
        for key_id, use in uses.items():
            if self._uses.get(key_id) == use:
                del self._uses[key_id]

    async def refuse_stopped(self, principal: Principal, origin: Origin) -> None:
        """Raise StoppedError while a kill switch holds for this person: no session begins, none is kept alive."""
        switch = PrincipalPolicy(self._policy.snapshot, principal, self._policy.moment()).stopped_by
        if switch is None:
            return
        await self._recorder.event(
            AuditAction.SESSION_REFUSE,
            Outcome.DENIED,
            actor=user_actor(principal),
            resource=Resource(kind="key", id=principal.key_id, name=principal.key_name),
            origin=origin,
            reason=Reason.KILL_SWITCH,
            session_id=principal.session_id,
            details={"switch": switch.switch_id},
        )
        raise StoppedError(f"You are stopped by an administrator: {switch.message or switch.reason}")

    def _find(self, preshared_key: str) -> tuple[ClientKey, User] | None:
        """Return the key and its user when both are in good standing; one answer for every way it can fail."""
        if not is_well_formed(preshared_key, PRESHARED_KEY_PREFIX):
            return None
        snapshot, digest = self._policy.snapshot, digest_key(preshared_key, self._pepper)
        candidates = snapshot.keys_by_prefix.get(visible_prefix(preshared_key, PRESHARED_KEY_PREFIX), ())
        key = next((key for key in candidates if same(key.digest, digest)), None)
        if key is None or not key.is_good(self._clock.now()):
            return None
        user = snapshot.users.get(key.user_id)
        return (key, user) if user is not None and user.status is UserStatus.ACTIVE else None

    def _is_new(self, key: ClientKey, host: str) -> bool:
        return host != key.last_host and (key.key_id, host) not in self._hosts

    def _remember(self, key: ClientKey, host: str) -> None:
        self._hosts[key.key_id, host] = None
        if len(self._hosts) > _MOST_HOSTS:
            self._hosts.popitem(last=False)

    async def _refused(self, preshared_key: str, origin: Origin) -> None:
        shown = None
        if is_well_formed(preshared_key, PRESHARED_KEY_PREFIX):
            shown = visible_prefix(preshared_key, PRESHARED_KEY_PREFIX)
        await self._recorder.event(
            AuditAction.SESSION_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=Resource(kind="key", id=None, name=shown),
            origin=origin,
            reason="invalid_credentials",
        )


def principal_of(key: ClientKey, user: User, session_id: str | None = None) -> Principal:
    """Return who somebody with this key is."""
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id=key.key_id,
        key_name=key.name,
        session_id=session_id,
    )
