"""Stores the grants of users as their credentials, and ends them, also at their providers."""

from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.oauth_records import PendingConnection
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.errors import Advice, ConflictError, NotFoundError, VaultError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Vault
from ambassador_server.services.audit.rate_refusals import refuse_for_rate
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import refuse_inactive
from ambassador_server.services.credentials.oauth_grants import Grant, GrantVault, url_of, user_needs
from ambassador_server.services.credentials.own_credentials import (
    OwnCredential,
    OwnCredentials,
    OwnRights,
)
from ambassador_server.services.credentials.pending_connections import PendingConnections
from ambassador_server.services.credentials.stored_credentials import (
    SHOWN_OF_GENERATION,
    credential_resource,
    find_credential,
    keep_to_revoke,
    new_credential,
    put_values,
    remove_values,
    without_grant,
)
from ambassador_server.services.shared.database_deadline import within_deadline


@dataclass(frozen=True, slots=True)
class OwnConnection:
    """What a user has to connect to; `expires_at` is that of the access token, which is refreshed by itself."""

    own: OwnCredential
    expires_at: datetime | None


class ConnectedUsers:
    """The grants of users that are in force."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        recorder: Recorder,
        own: OwnCredentials,
        rights: OwnRights,
        pending: PendingConnections,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._store = store
        self._changes = changes
        self._recorder = recorder
        self._own = own
        self._rights = rights
        self._pending = pending
        self._vault = vault
        self._clock = clock

    async def allowed(self, principal: Principal, origin: Origin, mcp_name: str) -> Mcp:
        """Return an MCP to connect to; raises an error unless something of it is granted to the user now."""
        await self._rights.requester(principal, origin)
        own = self._own.one(principal, mcp_name)
        if not own.is_granted:
            raise NotFoundError(f"MCP {mcp_name!r} is not granted to you any more")
        user_needs(own.mcp)
        return own.mcp

    async def may_begin(self, principal: Principal, origin: Origin, mcp_name: str, *, device: bool) -> Mcp:
        """Return the same, and record that the user begins.

        Raises RateLimitedError, because each beginning makes this server send requests to an authorization server.
        """
        mcp = await self.allowed(principal, origin, mcp_name)
        refused = self._pending.may_begin(principal.key_id)
        if refused is not None:
            await refuse_for_rate(
                self._recorder,
                refused,
                AuditAction.CONNECT_BEGIN,
                principal=principal,
                origin=origin,
                resource=Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name),
                does="begins connections",
            )
        await self._recorder.event(
            AuditAction.CONNECT_BEGIN,
            Outcome.PERMITTED,
            actor=user_actor(principal),
            resource=Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name),
            origin=origin,
            details={"flow": "device" if device else "browser"},
        )
        return mcp

    @within_deadline
    async def connect(
        self, principal: Principal, origin: Origin, mcp: Mcp, grant: Grant, pending_id: str
    ) -> OwnCredential:
        """Make a begun connection the credential of its user, once."""
        requester = await self._rights.requester(principal, origin)
        async with self._changes.open(requester) as change:
            work = change.work
            await refuse_inactive(work, principal.user_id)
            await work.pending.remove(pending_id)
            current = await work.mcps.get(mcp.mcp_id)
            if current is None or not current.credentials.needs_connect or url_of(current) != grant.url:
                raise ConflictError(f"MCP {mcp.name!r} has changed meanwhile; connect again")
            before = await find_credential(work, principal.user_id, mcp.mcp_id)
            now = self._clock.now()
            after = replace(
                before or new_credential(principal.user_id, mcp.mcp_id, now),
                status=CredentialStatus.ACTIVE,
                scopes=grant.tokens.scopes,
                issuer=grant.server.issuer,
                updated_at=now,
            )
            values = {OAUTH_FIELD: msgspec.json.encode(grant).decode()}
            given = await put_values(
                work, self._vault, before, after, values, expires_at=grant.tokens.expires_at
            )
            change.record(
                AuditAction.CREDENTIAL_CONNECT,
                credential_resource(given, mcp),
                user=principal.user_name,
                issuer=grant.server.issuer,
                scopes=list(grant.tokens.scopes),
                generation=given.generation[:SHOWN_OF_GENERATION],
            )
        return OwnCredential(mcp=current, given=given, is_granted=True)

    async def disconnect(self, principal: Principal, origin: Origin, mcp_name: str) -> bool | None:
        """End the access of a user; return whether it was revoked at the provider, None if that is tried later.

        Raises NotFoundError if there is none.
        """
        row = await self._end_here(principal, origin, mcp_name)
        if row is None:
            return False
        revoked = await self._pending.revoke(row)
        if revoked is not None:
            await self._pending.remove(row.pending_id)
        return revoked

    @within_deadline
    async def _end_here(
        self, principal: Principal, origin: Origin, mcp_name: str
    ) -> PendingConnection | None:
        """Delete the access of a user; return what is to be revoked at the provider."""
        requester = await self._rights.requester(principal, origin)
        mcp = self._own.one(principal, mcp_name).mcp
        async with self._changes.open(requester) as change:
            given = await find_credential(change.work, principal.user_id, mcp.mcp_id)
            if given is None or OAUTH_FIELD not in given.fields:
                raise NotFoundError(f"You have not connected to {mcp_name!r}", advice=Advice.NOTHING_TO_DO)
            row = await keep_to_revoke(change.work, given, self._clock.now())
            await remove_values(change.work, without_grant(given), [OAUTH_FIELD], self._clock.now())
            change.record(
                AuditAction.CREDENTIAL_DISCONNECT,
                credential_resource(given, mcp),
                user=principal.user_name,
                issuer=given.issuer,
            )
        return row

    @within_deadline
    async def connections(self, principal: Principal) -> list[OwnConnection]:
        """Return the MCPs that the user has to connect to, by name, with the state of each."""
        known = [each for each in self._own.all(principal) if each.mcp.credentials.needs_connect]
        found = []
        async with self._store.read() as work:
            for own in known:
                given = own.given
                stored = None if given is None else await work.secrets.get(given.credential_id, OAUTH_FIELD)
                found.append(OwnConnection(own, None if stored is None else stored.expires_at))
        return found

    @within_deadline
    async def requested_scopes(self, user_id: str, mcp: Mcp, issuer: str) -> tuple[str, ...]:
        """Return the scopes that the user's grant has, and those that the MCP has demanded since."""
        async with self._store.read() as work:
            given = await find_credential(work, user_id, mcp.mcp_id)
            stored = None if given is None else await work.secrets.get(given.credential_id, OAUTH_FIELD)
        if stored is None:
            return ()
        try:
            grant = GrantVault(self._vault).open(stored.key_number, stored.sealed, user_id, mcp.mcp_id)
        except VaultError:
            return ()
        if not isinstance(grant, Grant) or grant.server.issuer != issuer:
            return ()
        return tuple(dict.fromkeys((*grant.requested, *grant.demanded)))
