"""The registrations of this server at authorization servers: stored once for all servers, and replaced when dead."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.oauth_records import StoredRegistration
from ambassador_server.errors import (
    AuthorizationServerUnavailableError,
    ConflictError,
    VaultError,
)
from ambassador_server.ports.authorization import (
    ClientDescription,
    OAuthClient,
    Registration,
    RegistrationKind,
    ServerMetadata,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.credentials.oauth_grants import GrantVault
from ambassador_server.services.shared.database_deadline import within_deadline

_RESERVED: Final = timedelta(seconds=30)
_LOOKS: Final = 40
_PAUSE_SECONDS: Final = 0.25


class ClientRegistrations:
    """Returns this server as a client of an authorization server."""

    def __init__(
        self, *, store: Store, vault: GrantVault, client: OAuthClient, recorder: Recorder, clock: Clock
    ) -> None:
        self._store = store
        self._vault = vault
        self._client = client
        self._recorder = recorder
        self._clock = clock

    async def at(
        self, server: ServerMetadata, mcp: Mcp, needs: OAuthNeeds, description: ClientDescription
    ) -> Registration:
        """Return the declared client, else our document, else the stored registration or a new one.

        Raises RegistrationRefusedError and AuthorizationServerUnavailableError.
        """
        if needs.client_id is not None:
            return await self._client.register(server, needs, description)
        stored = await self._find(mcp, server)
        if stored is None:
            return await self._first(server, mcp, needs, description)
        known = self._open(stored)
        if known is not None and await self._is_usable(server, known, description):
            return known
        return await self._again(stored, server, mcp, needs, description)

    async def forget(self, mcp: Mcp, dead: Registration) -> None:
        """Delete a registration that an authorization server refuses, so that the next connection makes another."""
        async with self._store.write() as work:
            stored = await work.registrations.find(mcp.mcp_id, dead.issuer)
            known = None if stored is None else self._open(stored)
            if stored is not None and (known is None or known.client_id == dead.client_id):
                await work.registrations.remove(stored.registration_id)

    @within_deadline
    async def _find(self, mcp: Mcp, server: ServerMetadata) -> StoredRegistration | None:
        async with self._store.read() as work:
            return await work.registrations.find(mcp.mcp_id, server.issuer)

    def _open(self, stored: StoredRegistration) -> Registration | None:
        try:
            return self._vault.open_registration(stored.key_number, stored.sealed, stored.mcp_id)
        except VaultError:
            return None  # without its master key it is of no use, so that another one takes its place

    async def _is_usable(
        self, server: ServerMetadata, known: Registration, description: ClientDescription
    ) -> bool:
        expires_at = known.secret_expires_at
        if known.redirect_uri != description.redirect_uri:
            return False
        if expires_at is not None and expires_at <= self._clock.now():
            return False
        return await self._client.is_registered(server, known)

    async def _first(
        self, server: ServerMetadata, mcp: Mcp, needs: OAuthNeeds, description: ClientDescription
    ) -> Registration:
        made = await self._register(server, mcp, needs, description)
        if made.kind is not RegistrationKind.DYNAMIC:
            return made
        try:
            async with self._store.write() as work:
                await work.registrations.add(self._stored(str(uuid.uuid4()), mcp, made))
        except ConflictError:
            stored = await self._find(mcp, server)
            return made if stored is None else self._open(stored) or made
        return made

    async def _again(
        self,
        stored: StoredRegistration,
        server: ServerMetadata,
        mcp: Mcp,
        needs: OAuthNeeds,
        description: ClientDescription,
    ) -> Registration:
        """Register in place of a registration that is dead; of many servers one does it, the others wait for it."""
        for _ in range(_LOOKS):
            now = self._clock.now()
            async with self._store.write() as work:
                reserved = await work.registrations.lock(
                    stored.registration_id, now=now, until=now + _RESERVED
                )
                newest = await work.registrations.find(mcp.mcp_id, server.issuer)
            if newest is None:
                return await self._first(server, mcp, needs, description)
            if newest.version != stored.version:
                await self._unlock(newest, reserved=reserved)
                another = self._open(newest)
                if another is not None:
                    return another
                stored = newest
            elif reserved:
                return await self._replace(newest, server, mcp, needs, description)
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AuthorizationServerUnavailableError("Another server has been registering for too long.")

    async def _replace(
        self,
        stored: StoredRegistration,
        server: ServerMetadata,
        mcp: Mcp,
        needs: OAuthNeeds,
        description: ClientDescription,
    ) -> Registration:
        try:
            made = await self._register(server, mcp, needs, description)
        except BaseException:
            await asyncio.shield(self._unlock(stored, reserved=True))
            raise
        async with self._store.write() as work:
            if made.kind is not RegistrationKind.DYNAMIC:
                await work.registrations.remove(stored.registration_id)
                return made
            written = replace(self._stored(stored.registration_id, mcp, made), version=stored.version + 1)
            if await work.registrations.replace_version(written, expected=stored.version):
                return made
            newest = await work.registrations.find(mcp.mcp_id, server.issuer)
        return made if newest is None else self._open(newest) or made

    async def _register(
        self, server: ServerMetadata, mcp: Mcp, needs: OAuthNeeds, description: ClientDescription
    ) -> Registration:
        await self._recorder.event(
            AuditAction.CLIENT_REGISTER,
            Outcome.PERMITTED,
            resource=Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name),
            details={"issuer": server.issuer},
        )
        return await self._client.register(server, needs, description)

    async def _unlock(self, stored: StoredRegistration, *, reserved: bool) -> None:
        if reserved:
            async with self._store.write() as work:
                await work.registrations.unlock(stored.registration_id)

    def _stored(self, registration_id: str, mcp: Mcp, made: Registration) -> StoredRegistration:
        sealed = self._vault.seal_registration(made, mcp.mcp_id)
        return StoredRegistration(
            registration_id=registration_id,
            mcp_id=mcp.mcp_id,
            issuer=made.issuer,
            key_number=sealed.key_number,
            sealed=sealed.content,
            updated_at=self._clock.now(),
        )
