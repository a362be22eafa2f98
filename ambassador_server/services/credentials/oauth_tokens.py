"""The access tokens of users: refreshed ahead of their end, once for all servers, without losing the grant."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct, structs

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import CredentialStatus, StoredSecret, UserCredential
from ambassador_server.domain.people.users import User
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    GrantDeadError,
    RegistrationDeadError,
    StepUpNeededError,
    StorageError,
    VaultError,
)
from ambassador_server.ports.authorization import OAuthClient, Tokens
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Missing, MissingBecause
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.credentials.access_tokens import AccessToken
from ambassador_server.services.credentials.oauth_grants import Grant, GrantVault, url_of
from ambassador_server.services.credentials.registered_clients import ClientRegistrations
from ambassador_server.services.credentials.service_tokens import ServiceTokens, ahead_of
from ambassador_server.services.credentials.stored_credentials import credential_resource
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.services.shared.joined_reads import JoinedReads

RESERVED: Final = timedelta(seconds=30)
"""So long one server has for a refresh, from its reservation to the stored token."""
_EXCHANGE_SECONDS: Final = 20.0
_WAIT_SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_ASK_AGAIN: Final = timedelta(seconds=5)
_STORE_TRIES: Final = 5
_MOST_REFUSED: Final = 4096

_DEAD: Final = Missing(because=MissingBecause.DEAD, needs_connect=True)
_NOT_GIVEN: Final = Missing(because=MissingBecause.NOT_GIVEN, needs_connect=True)
_UNOPENED: Final = Missing(because=MissingBecause.CANNOT_BE_OPENED, fields=(OAUTH_FIELD,), needs_connect=True)


class _Held(Struct, frozen=True):
    """A grant as it is stored."""

    stored: StoredSecret
    grant: Grant


class OAuthTokens:
    """Implements `TokenSource`."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        vault: GrantVault,
        client: OAuthClient,
        registrations: ClientRegistrations,
        service: ServiceTokens,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._changes = changes
        self._vault = vault
        self._client = client
        self._registrations = registrations
        self._service = service
        self._recorder = recorder
        self._clock = clock
        self._refreshes: JoinedReads[str, AccessToken | Missing] = JoinedReads()
        self._after_refusal: OrderedDict[str, int] = OrderedDict()

    async def token_for(self, mcp: Mcp, credential: UserCredential | None) -> AccessToken | Missing:
        """Return the token of a user's credential, or of the service account of an MCP."""
        if credential is None:
            return await self._service.token_for(mcp)
        held = await self._read(mcp, credential)
        if isinstance(held, Missing):
            return held
        if not _is_due(held, self._clock.now()):
            return self._lend(held)
        return await self._refresh(mcp, credential)

    async def refused(self, mcp: Mcp, credential: UserCredential | None, token: str, challenge: str) -> bool:
        """Refresh once a token that an MCP refuses before its end; raises StepUpNeededError for too few scopes."""
        if credential is None:
            return await self._service.refused(mcp, token)
        held = await self._read(mcp, credential)
        if isinstance(held, Missing):
            return False
        demand = self._client.read_challenge(challenge)
        if demand is not None and demand.error == "insufficient_scope":
            try:
                self._client.check_challenge(demand, held.grant.requested)
            except StepUpNeededError as needed:
                await self._demand(held, credential, needed.scopes)
                raise
            return False
        if held.grant.tokens.access_token != token:
            return True
        is_fresh = not _is_due(held, self._clock.now())
        if is_fresh and self._after_refusal.get(credential.credential_id) == held.stored.version:
            return False  # the refreshed token is refused as well, so that another one would not help
        try:
            another = await self._refresh(mcp, credential, refused=held.stored.version)
        except AuthorizationError:
            return False
        return isinstance(another, AccessToken) and another.value != token

    @within_deadline
    async def _read(self, mcp: Mcp, credential: UserCredential) -> _Held | Missing:
        async with self._store.read() as work:
            stored = await work.secrets.get(credential.credential_id, OAUTH_FIELD)
        return self._open(mcp, credential, stored)

    def _open(self, mcp: Mcp, credential: UserCredential, stored: StoredSecret | None) -> _Held | Missing:
        """Return the grant, but never for an MCP that has moved to another address since it was given."""
        if stored is None:
            return _NOT_GIVEN
        try:
            grant = self._vault.open(stored.key_number, stored.sealed, credential.user_id, credential.mcp_id)
        except VaultError:
            return _UNOPENED
        if not isinstance(grant, Grant) or grant.url != url_of(mcp):
            return _NOT_GIVEN
        return _Held(stored, grant)

    def _lend(self, held: _Held, *, ask_again_at: datetime | None = None) -> AccessToken:
        tokens = held.grant.tokens
        ahead = None if tokens.expires_at is None else ahead_of(tokens.expires_at, held.grant.obtained_at)
        return AccessToken(value=tokens.access_token, ask_again_at=ask_again_at or ahead)

    async def _refresh(
        self, mcp: Mcp, credential: UserCredential, *, refused: int | None = None
    ) -> AccessToken | Missing:
        """Refresh once for all that wait in this process; the refresh goes on if they hang up."""
        refresh = partial(self._refresh_once, mcp, credential, refused)
        return await self._refreshes.run(credential.credential_id, refresh)

    async def _refresh_once(
        self, mcp: Mcp, credential: UserCredential, refused: int | None
    ) -> AccessToken | Missing:
        """Reserve the refresh among all servers, or wait for the token of the server that did."""
        ends, pause = self._clock.monotonic() + _WAIT_SECONDS, _FIRST_PAUSE
        while True:
            reserved, held = await self._reserve(mcp, credential)
            if isinstance(held, Missing):
                return held
            if not _is_due(held, self._clock.now()) and held.stored.version != refused:
                await self._release(credential, reserved=reserved)
                return self._lend(held)
            if reserved:
                return await self._exchange(mcp, credential, held, refused=refused is not None)
            if _is_valid(held, self._clock.now()) and refused is None:
                return self._lend(held, ask_again_at=self._clock.now() + timedelta(seconds=1))
            if self._clock.monotonic() >= ends:
                raise AuthorizationServerUnavailableError(
                    "Another server has been refreshing the token for too long."
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    @within_deadline
    async def _reserve(self, mcp: Mcp, credential: UserCredential) -> tuple[bool, _Held | Missing]:
        """Reserve and read in one transaction, so that the token that is read is the newest one."""
        now = self._clock.now()
        async with self._store.write() as work:
            reserved = await work.secrets.lock(
                credential.credential_id, OAUTH_FIELD, now=now, until=now + RESERVED
            )
            stored = await work.secrets.get(credential.credential_id, OAUTH_FIELD)
        held = self._open(mcp, credential, stored)
        if isinstance(held, Missing):
            await self._release(credential, reserved=reserved)
        return reserved, held

    async def _release(self, credential: UserCredential, *, reserved: bool) -> None:
        if reserved:
            async with self._store.write() as work:
                await work.secrets.unlock(credential.credential_id, OAUTH_FIELD)

    async def _exchange(
        self, mcp: Mcp, credential: UserCredential, held: _Held, *, refused: bool
    ) -> AccessToken | Missing:
        grant = held.grant
        try:
            await self._record(mcp, credential, Outcome.PERMITTED)
            registration = await self._service.with_secret(mcp, grant.server, grant.registration)
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                tokens = await self._client.refresh(grant.server, registration, grant.tokens)
        except (GrantDeadError, RegistrationDeadError) as error:
            if isinstance(error, RegistrationDeadError):
                await self._registrations.forget(mcp, grant.registration)
            return await self._die(mcp, credential, held)
        except (AuthorizationError, TimeoutError) as error:
            await self._release(credential, reserved=True)
            await self._record(mcp, credential, Outcome.FAILED, reason="authorization_server_unavailable")
            if _is_valid(held, self._clock.now()) and not refused:
                return self._lend(held, ask_again_at=self._clock.now() + _ASK_AGAIN)
            if isinstance(error, TimeoutError):
                raise AuthorizationServerUnavailableError("The authorization server is slow.") from None
            raise
        except BaseException:
            await asyncio.shield(self._release(credential, reserved=True))
            raise
        return await self._keep(mcp, credential, held, tokens, refused=refused)

    async def _keep(
        self, mcp: Mcp, credential: UserCredential, held: _Held, tokens: Tokens, *, refused: bool
    ) -> AccessToken | Missing:
        """Store the new tokens, and try again if the database fails: the old refresh token is worth nothing now."""
        grant = structs.replace(held.grant, tokens=tokens, obtained_at=self._clock.now())
        written = await self._replace(credential, held.stored, grant)
        if written is not None:
            if refused:
                self._note_refusal(credential.credential_id, written.version)
            return self._lend(_Held(written, grant))
        newest = await self._read(mcp, credential)
        if isinstance(newest, Missing):
            # The user has disconnected meanwhile, so nothing else ends the new tokens.
            with suppress(AuthorizationError):
                await self._client.revoke(grant.server, grant.registration, tokens)
            return newest
        return self._lend(newest)

    async def _replace(
        self, credential: UserCredential, known: StoredSecret, grant: Grant
    ) -> StoredSecret | None:
        """Store a grant in place of the known one; None if another was stored meanwhile."""
        for left in reversed(range(_STORE_TRIES)):
            try:
                async with self._store.write() as work:
                    return await _store(work, self._vault, credential, known, grant)
            except StorageError:
                if not left:
                    raise
                await asyncio.sleep(_LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")

    async def _die(self, mcp: Mcp, credential: UserCredential, held: _Held) -> AccessToken | Missing:
        """Tell the user to connect again, unless another token was stored meanwhile."""
        async with self._changes.open(Requester(None, None)) as change:
            work = change.work
            stored = await work.secrets.get(credential.credential_id, OAUTH_FIELD)
            given = await work.credentials.get(credential.credential_id)
            if stored is not None and stored.version == held.stored.version and given is not None:
                await work.secrets.unlock(credential.credential_id, OAUTH_FIELD)
                await work.credentials.replace(
                    replace(given, status=CredentialStatus.DEAD, updated_at=self._clock.now())
                )
                user = await work.users.get(credential.user_id)
                await self._event(mcp, credential, user, Outcome.FAILED, "grant_dead")
                stored = None
        newest = _DEAD if stored is None else self._open(mcp, credential, stored)
        return newest if isinstance(newest, Missing) else self._lend(newest)

    async def _demand(self, held: _Held, credential: UserCredential, scopes: tuple[str, ...]) -> None:
        """Keep which scopes an MCP demands, so that the next connection asks for all of them."""
        if set(scopes) <= {*held.grant.requested, *held.grant.demanded}:
            return
        grant = structs.replace(held.grant, demanded=tuple(dict.fromkeys((*held.grant.demanded, *scopes))))
        async with self._store.write() as work:
            stored = await work.secrets.get(credential.credential_id, OAUTH_FIELD)
            # A server that refreshes the token now would not find the version that it knows.
            if stored is not None and _is_free(stored, held.stored.version, self._clock.now()):
                await _store(work, self._vault, credential, stored, grant)

    def _note_refusal(self, credential_id: str, version: int) -> None:
        self._after_refusal[credential_id] = version
        self._after_refusal.move_to_end(credential_id)
        while len(self._after_refusal) > _MOST_REFUSED:
            self._after_refusal.popitem(last=False)

    async def _record(
        self, mcp: Mcp, credential: UserCredential, outcome: Outcome, *, reason: str | None = None
    ) -> None:
        async with self._store.read() as work:
            user = await work.users.get(credential.user_id)
        await self._event(mcp, credential, user, outcome, reason)

    def _event(
        self,
        mcp: Mcp,
        credential: UserCredential,
        user: User | None,
        outcome: Outcome,
        reason: str | None,
    ) -> Awaitable[None]:
        return self._recorder.event(
            AuditAction.TOKEN_REFRESH,
            outcome,
            resource=credential_resource(credential, mcp),
            reason=reason,
            details={"user": None if user is None else user.name, "issuer": credential.issuer},
        )


async def _store(
    work: UnitOfWork, vault: GrantVault, credential: UserCredential, known: StoredSecret, grant: Grant
) -> StoredSecret | None:
    """Store a grant in place of the known one, and end its reservation; None if another was stored meanwhile."""
    # Sealed while nothing else writes, so that a rotation sees every grant under an older key.
    await work.sealed.wait_for_writers()
    sealed = vault.seal(grant, credential.user_id, credential.mcp_id)
    written = replace(
        known,
        key_number=sealed.key_number,
        sealed=sealed.content,
        version=known.version + 1,
        expires_at=grant.tokens.expires_at,
        locked_until=None,
    )
    return written if await work.secrets.replace_version(written, expected=known.version) else None


def _is_free(stored: StoredSecret, version: int, now: datetime) -> bool:
    """Tell whether a grant is still the known one, and no server is refreshing it."""
    return stored.version == version and (stored.locked_until is None or stored.locked_until <= now)


def _is_due(held: _Held, now: datetime) -> bool:
    ends = held.grant.tokens.expires_at
    return ends is not None and now >= ahead_of(ends, held.grant.obtained_at)


def _is_valid(held: _Held, now: datetime) -> bool:
    ends = held.grant.tokens.expires_at
    return ends is None or now < ends
