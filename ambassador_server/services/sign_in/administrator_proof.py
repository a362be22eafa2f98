"""Authenticates administrators by admin key or login, and checks the right that a request requires."""

from ambassador_server.domain.audit.actors import admin_actor
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.people.administrators import Administrator, AdminKey, Right, missing_right
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.role_rules import can_log_in, can_sign_in
from ambassador_server.domain.people.users import User
from ambassador_server.domain.secrets.tokens import (
    ADMIN_KEY_PREFIX,
    digest_key,
    is_well_formed,
    same,
    visible_prefix,
)
from ambassador_server.errors import NotAuthenticatedError, StorageError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.sign_in.login_throttle import count_wrong_key
from ambassador_server.services.sign_in.logins import administrator_of
from ambassador_server.services.sign_in.monitor_proofs import MonitorProofs


class AdministratorProver:
    """Checks admin keys; no other code does."""

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
        self._monitors = MonitorProofs(clock)

    async def authenticate(self, secret: str, right: Right, origin: Origin) -> Administrator:
        """Return the administrator of this admin key.

        Raises NotAuthenticatedError, MissingRightError, and RateLimitedError after too many wrong keys from an address.
        """
        administrator = await self._prove(secret, right)
        if administrator is None:
            count_wrong_key(self._throttle, origin)
            await self._record_refusal(Actor(kind=ActorKind.UNKNOWN), origin, "invalid_credentials")
            raise NotAuthenticatedError("A valid admin key is required")
        return await self.check_right(administrator, right, origin)

    async def check_right(self, administrator: Administrator, right: Right, origin: Origin) -> Administrator:
        """Return the administrator. Raises MissingRightError without the right."""
        if not administrator.may(right):
            refusal = missing_right(right)
            await self._record_refusal(admin_actor(administrator), origin, refusal.reason)
            raise refusal
        return administrator

    async def _prove(self, secret: str, right: Right) -> Administrator | None:
        if right is not Right.METRICS_READ:
            return await self._find(secret)
        # Metrics are needed most while the database does not answer; a key that it has confirmed lately opens them.
        digest = digest_key(secret, self._pepper)
        known = self._monitors.recall(digest)
        if known is not None and self._policy.is_stale():
            return known
        try:
            found = await self._find_in_time(secret)
        except StorageError:
            if known is None:
                raise
            return known
        self._monitors.remember(digest, found)
        return found

    @within_deadline
    async def _find_in_time(self, secret: str) -> Administrator | None:
        return await self._find(secret)

    async def _find(self, secret: str) -> Administrator | None:
        if not is_well_formed(secret, ADMIN_KEY_PREFIX):
            return None
        prefix, digest = visible_prefix(secret, ADMIN_KEY_PREFIX), digest_key(secret, self._pepper)
        async with self._store.read() as work:
            candidates = await work.admin_keys.by_prefix(prefix)
        key = next((key for key in candidates if same(key.digest, digest)), None)
        if key is None or not key.is_good(self._clock.now()):
            return None
        if key.user_id is None:
            return Administrator(
                admin_key_id=key.admin_key_id,
                name=key.name,
                roles=key.roles,
                expires_at=key.expires_at,
                issuer_id=key.issuer_id,
            )
        user = self._policy.snapshot.users.get(key.user_id)
        return administrator_of(key, user) if user is not None and self._may_use(key, user) else None

    def _may_use(self, key: AdminKey, user: User) -> bool:
        """Tell whether a user may go on with a login: with a password, or with an issuer that is still trusted."""
        if key.issuer_id is None:
            return can_log_in(user)
        issuers = self._policy.snapshot.issuers
        return can_sign_in(user) and issuers is not None and key.issuer_id in issuers.by_id

    async def _record_refusal(self, actor: Actor, origin: Origin, reason: str) -> None:
        await self._recorder.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=actor,
            resource=Resource(kind="server", id=None, name=None),
            origin=origin,
            reason=reason,
        )
