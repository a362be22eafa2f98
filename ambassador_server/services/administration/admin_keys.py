"""Admin keys, including logins: issuing, revoking and listing."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import admin_key_resource
from ambassador_server.domain.people.administrators import AdminKey, Role
from ambassador_server.domain.people.new_keys import mint_admin_key
from ambassador_server.domain.people.role_rules import check_key_roles, check_not_own_key
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.domain.shared.names import check_name
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.administration.admin_guard import check_an_admin_is_left
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_issuer, unknown_name


class AdminKeys:
    """The use cases of administrators for admin keys."""

    def __init__(self, *, store: Store, changes: Changes, clock: Clock, pepper: bytes) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._pepper = pepper

    async def issue(
        self,
        requester: Requester,
        *,
        name: str,
        roles: Iterable[Role],
        lifetime: timedelta | None,
        issuer: str | None = None,
    ) -> tuple[AdminKey, str]:
        """Issue an admin key and return it with its secret, which is not stored.

        Raises MissingRightError for a role with rights that the requester lacks, and InvalidInputError unless a key
        with the role `scim`, and no other, has an issuer.
        """
        async with self._changes.open(requester) as change:
            checked = check_key_roles(requester.administrator, roles)
            key, secret = mint_admin_key(
                self._pepper,
                self._clock.now(),
                name=check_name("admin key", name),
                roles=checked,
                lifetime=lifetime,
                issuer_id=await _issuer_id(change.work, checked, issuer),
                created_by=requester.actor.name or "",
            )
            await change.work.admin_keys.add(key)
            named = {} if issuer is None else {"issuer": issuer}
            change.record(AuditAction.ADMIN_KEY_ISSUE, admin_key_resource(key), **_details(key), **named)
        return key, secret

    async def revoke(self, requester: Requester, name: str) -> AdminKey:
        """Revoke an admin key or a login, with effect from the next request.

        Raises ConflictError for the key of the request itself, and if nobody could administer any more.
        """
        async with self._changes.open(requester) as change:
            before = await change.work.admin_keys.by_name(name)
            if before is None:
                raise await unknown_name(change.work.admin_keys, "admin key", name)
            if before.revoked_at is not None:
                raise ConflictError("This admin key is revoked already")
            check_not_own_key(requester.administrator, before)
            now = self._clock.now()
            key = replace(before, revoked_at=now)
            await change.work.admin_keys.replace(key)
            if Role.ADMIN in before.roles and before.is_good(now):
                await check_an_admin_is_left(change.work, now)
            change.record(AuditAction.ADMIN_KEY_REVOKE, admin_key_resource(key), before=_details(before))
        return key

    async def page(self, listing: Listing) -> Slice[AdminKey]:
        """Return one page of the keys and logins."""
        async with self._store.read() as work:
            return await work.admin_keys.page(listing)


async def _issuer_id(work: UnitOfWork, roles: Collection[Role], issuer: str | None) -> str | None:
    if (Role.SCIM in roles) != (issuer is not None):
        raise InvalidInputError(
            "issuer: a key with the role 'scim' needs the issuer that it is for, others have none"
        )
    return None if issuer is None else (await find_issuer(work, issuer)).issuer_id


def _details(key: AdminKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "roles": list(key.roles),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
    }
