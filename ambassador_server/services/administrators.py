"""Administrators: proving an admin key, and issuing one."""

import uuid

from ambassador_server.domain.administrator import Administrator, AdminKey, Right, Role
from ambassador_server.domain.audit import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.names import check_name
from ambassador_server.domain.principal import Origin
from ambassador_server.domain.tokens import (
    ADMIN_KEY_PREFIX,
    digest_key,
    is_well_formed,
    mint_key,
    same,
    visible_prefix,
)
from ambassador_server.errors import MissingRightError, NotAuthenticatedError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.auditor import Auditor, admin_actor
from ambassador_server.services.changes import Changes, Requester
from ambassador_server.services.guesses import check_guesses


class Administrators:
    """Who may administer, and with which rights."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        auditor: Auditor,
        throttle: Throttle,
        clock: Clock,
        pepper: bytes,
    ) -> None:
        self._store = store
        self._changes = changes
        self._auditor = auditor
        self._throttle = throttle
        self._clock = clock
        self._pepper = pepper

    async def authenticate(self, secret: str, right: Right, origin: Origin) -> Administrator:
        """Return who holds this admin key.

        Raises NotAuthenticatedError, MissingRightError, and RateLimitedError for an address that guesses.
        """
        administrator = await self._find(secret)
        if administrator is None:
            check_guesses(self._throttle, origin)
            await self._refused(Actor(kind=ActorKind.UNKNOWN), origin, "invalid_credentials")
            raise NotAuthenticatedError("A valid admin key is required")
        if not administrator.may(right):
            reason = f"missing_right:{right}"
            await self._refused(admin_actor(administrator), origin, reason)
            raise MissingRightError(f"You lack the right {right.value!r}", reason=reason)
        return administrator

    async def issue(
        self, requester: Requester, *, name: str, roles: tuple[Role, ...]
    ) -> tuple[AdminKey, str]:
        """Issue an admin key and return it with its secret, which is kept nowhere."""
        secret = mint_key(ADMIN_KEY_PREFIX)
        key = AdminKey(
            admin_key_id=str(uuid.uuid4()),
            name=check_name("admin key", name),
            prefix=visible_prefix(secret, ADMIN_KEY_PREFIX),
            digest=digest_key(secret, self._pepper),
            roles=roles,
            created_at=self._clock.now(),
            expires_at=None,
            revoked_at=None,
        )
        async with self._changes.open(requester) as change:
            await change.work.admin_keys.add(key)
            change.record(
                AuditAction.ADMIN_KEY_ISSUE,
                Resource(kind="admin_key", id=key.admin_key_id, name=key.name),
                roles=list(roles),
            )
        return key, secret

    async def _find(self, secret: str) -> Administrator | None:
        if not is_well_formed(secret, ADMIN_KEY_PREFIX):
            return None
        prefix, digest = visible_prefix(secret, ADMIN_KEY_PREFIX), digest_key(secret, self._pepper)
        async with self._store.read() as work:
            keys = await work.admin_keys.all()
        key = next((key for key in keys if key.prefix == prefix and same(key.digest, digest)), None)
        if key is None or key.revoked_at is not None:
            return None
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            return None
        return Administrator(
            admin_key_id=key.admin_key_id, name=key.name, roles=key.roles, expires_at=key.expires_at
        )

    async def _refused(self, actor: Actor, origin: Origin, reason: str) -> None:
        await self._auditor.event(
            AuditAction.ADMIN_REFUSE,
            Outcome.DENIED,
            actor=actor,
            resource=Resource(kind="server", id=None, name=None),
            origin=origin,
            reason=reason,
        )
