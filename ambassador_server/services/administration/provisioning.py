"""SCIM: the issuer whose key makes a request, and what all its use cases share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import admin_key_resource
from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.scim_resources import MOST_RESOURCES, ScimKind, ScimResource
from ambassador_server.errors import ConflictError, MissingRightError, NotFoundError, RateLimitedError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes.audited_change import Change, Changes

MOST_SCANS: Final = 2
"""How many searches read every resource at a time; the others of the database's connections are for the policy."""
_LONGEST_WAIT: Final = 10.0
_RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Provisioning:
    """One open SCIM request: its transaction, and the issuer that makes it; `change` is None if it only reads."""

    work: UnitOfWork
    issuer: Issuer
    clock: Clock
    change: Change | None = None

    @property
    def changing(self) -> Change:
        """Return the open change."""
        if self.change is None:
            raise RuntimeError("This request only reads")
        return self.change

    async def find(self, kind: ScimKind, resource_id: str) -> ScimResource:
        """Return a resource of this issuer. Raises NotFoundError, for those of other issuers as well."""
        found = await self.work.scim.get(resource_id)
        if found is None or found.issuer_id != self.issuer.issuer_id or found.kind is not kind:
            raise NotFoundError(f"{kind.value} {resource_id!r} not found")
        return found

    async def of(self, kind: ScimKind, **values: str) -> list[ScimResource]:
        """Return the resources of this issuer that have these values."""
        return await self.work.scim.of(issuer_id=self.issuer.issuer_id, kind=kind, **values)

    async def check_free(
        self, kind: ScimKind, name: str, external_id: str | None, *, own_id: str | None = None
    ) -> None:
        """Raise ConflictError if another resource of this issuer has the name or the external id."""
        taken = await self.of(kind, name_key=name.casefold())
        if external_id is not None:
            taken += await self.of(kind, external_id=external_id)
        if any(each.resource_id != own_id for each in taken):
            raise ConflictError(f"Another {kind.value} has this name or this externalId")
        if own_id is None and await self.work.scim.count(self.issuer.issuer_id, kind) >= MOST_RESOURCES:
            raise ConflictError(f"There are {MOST_RESOURCES:,} resources already, which is the maximum")


class ProvisioningRequests:
    """Opens SCIM requests."""

    def __init__(
        self, *, store: Store, changes: Changes, clock: Clock, longest_wait: float = _LONGEST_WAIT
    ) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock
        self._longest_wait = longest_wait
        self._scans = asyncio.Semaphore(MOST_SCANS)

    @asynccontextmanager
    async def change(self, requester: Requester) -> AsyncIterator[Provisioning]:
        """Open a request that changes something, as one transaction; what it records precedes the commit."""
        async with self._changes.open(requester) as change:
            issuer = await _issuer(change.work, requester.administrator)
            yield Provisioning(change.work, issuer, self._clock, change)

    @asynccontextmanager
    async def read(self, requester: Requester) -> AsyncIterator[Provisioning]:
        """Open a request that reads."""
        async with self._store.read() as work:
            yield Provisioning(work, await _issuer(work, requester.administrator), self._clock)

    @asynccontextmanager
    async def scan(self, requester: Requester) -> AsyncIterator[Provisioning]:
        """Open a request that reads every resource; few do at a time, because each keeps a connection for long.

        Raises RateLimitedError if its turn does not come.
        """
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._scans.acquire()
        except TimeoutError:
            raise RateLimitedError(
                f"{MOST_SCANS} searches read every resource already; try again in {_RETRY_SECONDS} s, or search"
                " by userName, displayName, externalId or id",
                retry_after=_RETRY_SECONDS,
            ) from None
        try:
            async with self.read(requester) as request:
                yield request
        finally:
            self._scans.release()

    def open(self, requester: Requester, *, changes: bool) -> AbstractAsyncContextManager[Provisioning]:
        """Open a request."""
        return self.change(requester) if changes else self.read(requester)


async def _issuer(work: UnitOfWork, administrator: Administrator | None) -> Issuer:
    issuer_id = None if administrator is None else administrator.issuer_id
    issuer = None if issuer_id is None else await work.issuers.get(issuer_id)
    if issuer is None:
        raise MissingRightError("The issuer of this key is gone", reason="issuer_is_gone", roles="scim")
    return issuer


async def check_describes_no_group(work: UnitOfWork, issuer: Issuer) -> None:
    """Raise ConflictError if the issuer describes groups, whose names begin with its prefix."""
    if await work.groups.of(provisioner=issuer.issuer_id):
        raise ConflictError(
            f"group_prefix: issuer {issuer.name!r} describes groups by SCIM that have this prefix"
        )


async def release_described(change: Change, issuer: Issuer, now: datetime) -> None:
    """Make the users and groups of an issuer that is being removed ordinary ones, and revoke its keys for SCIM."""
    work = change.work
    for user in await work.users.of(provisioner=issuer.issuer_id):
        await work.users.replace(replace(user, provisioner=None, updated_at=now))
    for group in await work.groups.of(provisioner=issuer.issuer_id):
        await work.groups.replace(replace(group, provisioner=None, updated_at=now))
    for key in await work.admin_keys.of(issuer_id=issuer.issuer_id):
        if key.revoked_at is None:
            await work.admin_keys.replace(replace(key, revoked_at=now))
            change.record(AuditAction.ADMIN_KEY_REVOKE, admin_key_resource(key), because="issuer_removed")
