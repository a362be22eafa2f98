"""Authenticates users by client key, refuses users whom a kill switch stops, and notes where each key is used."""

from collections import OrderedDict
from datetime import datetime

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    Outcome,
    Resource,
)
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
from ambassador_server.ports.throttle import Rate, Throttle
from ambassador_server.services.audit.rate_refusals import refuse_for_rate
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.login_throttle import count_wrong_key

_MAX_HOSTS = 20_000


class KeyProver:
    """Checks client keys; no other code does."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
        rate: Rate,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._rate = rate
        self._pepper = pepper
        self._uses: dict[str, tuple[datetime, str]] = {}
        self._hosts: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def prove(
        self, preshared_key: str, origin: Origin, *, key_id: str | None = None
    ) -> tuple[ClientKey, User]:
        """Return the key and its user. Wrong keys from the same address never delay a good one.

        With `key_id` every other key is a wrong one. Raises InvalidKeyError, and RateLimitedError after too many wrong
        keys from an address.
        """
        found = self._find(preshared_key)
        if found is None or key_id not in {None, found[0].key_id}:
            count_wrong_key(self._throttle, origin)
            await self._record_refusal(preshared_key, origin)
            raise InvalidKeyError("Invalid or inactive key")
        return found

    async def identify(self, preshared_key: str, origin: Origin) -> Principal:
        """Return the principal of this key, for hosts that send it with every request instead of a session token."""
        key, user = await self.prove(preshared_key, origin)
        await self.used(key, user, origin)
        return principal_of(key, user)

    async def used(self, key: ClientKey, user: User, origin: Origin, *, host: str | None = None) -> None:
        """Note a use of a key, and record the first one from a host or an address.

        `host` is the name that the client gives its machine. Hosts and addresses are remembered while the server runs;
        only the last one of each key is stored.
        """
        self._uses[key.key_id] = (self._clock.now(), host or origin.address)
        new_hosts = [each for each in (host, origin.address) if each is not None and self._is_new(key, each)]
        if new_hosts:
            await self._recorder.event(
                AuditAction.KEY_NEW_HOST,
                Outcome.SUCCEEDED,
                actor=user_actor(principal_of(key, user)),
                resource=Resource(kind="key", id=key.key_id, name=key.name),
                origin=origin,
                details={"host": host, "last_host": key.last_host},
            )
            for each in new_hosts:
                self._remember(key, each)

    def was_used(self, key_id: str) -> bool:
        """Tell whether a key has a use that is not stored yet."""
        return key_id in self._uses

    async def save_uses(self) -> None:
        """Store the last use of each key; done in the background, so that opening a session does not wait for it."""
        uses = dict(self._uses)
        if uses:
            async with self._store.write(durable=False) as work:
                for key_id, (at, host) in uses.items():
                    await work.keys.touch(key_id, at=at, host=host)
        # Only after the commit: until then `was_used` is the only way to learn of a use.
        for key_id, use in uses.items():
            if self._uses.get(key_id) == use:
                del self._uses[key_id]

    async def refuse_stopped(self, principal: Principal, origin: Origin) -> None:
        """Raise StoppedError while a kill switch stops this principal, who may then open and prolong no session."""
        switch = PrincipalPolicy(self._policy.snapshot, principal, self._policy.current_moment()).stopped_by
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
        raise StoppedError(f"You are stopped by an administrator: {switch.text_for_users}")

    async def refuse_fast(self, principal: Principal, origin: Origin) -> None:
        """Raise RateLimitedError if the key opens sessions too fast; the audit counts the refusals, against a flood."""
        refused = self._rate.take(principal.key_id)
        if refused is not None:
            await refuse_for_rate(
                self._recorder,
                refused,
                AuditAction.SESSION_REFUSE,
                principal=principal,
                origin=origin,
                resource=Resource(kind="key", id=principal.key_id, name=principal.key_name),
                does="opens sessions",
            )

    def _find(self, preshared_key: str) -> tuple[ClientKey, User] | None:
        """Return the key and its user if the key is good and the user active; None in all other cases."""
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
        if len(self._hosts) > _MAX_HOSTS:
            self._hosts.popitem(last=False)

    async def _record_refusal(self, preshared_key: str, origin: Origin) -> None:
        prefix = None
        if is_well_formed(preshared_key, PRESHARED_KEY_PREFIX):
            prefix = visible_prefix(preshared_key, PRESHARED_KEY_PREFIX)
        await self._recorder.event(
            AuditAction.SESSION_REFUSE,
            Outcome.DENIED,
            actor=Actor(kind=ActorKind.UNKNOWN),
            resource=Resource(kind="key", id=None, name=prefix),
            origin=origin,
            reason="invalid_credentials",
        )


def principal_of(key: ClientKey, user: User, session_id: str | None = None) -> Principal:
    """Return the principal of a key and its user."""
    return Principal(
        user_id=user.user_id,
        user_name=user.name,
        key_id=key.key_id,
        key_name=key.name,
        session_id=session_id,
    )
