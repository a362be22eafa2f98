"""The access tokens of service accounts (client credentials), which are only in memory."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct, structs

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.errors import AuthorizationServerUnavailableError, RegistrationDeadError
from ambassador_server.ports.authorization import (
    ClientDescription,
    OAuthClient,
    Registration,
    RegistrationKind,
    ServerMetadata,
    Tokens,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.services.credentials.access_tokens import AccessToken
from ambassador_server.services.credentials.oauth_grants import url_of
from ambassador_server.services.credentials.registered_clients import ClientRegistrations
from ambassador_server.services.shared.joined_reads import JoinedReads

_MOST_AHEAD: Final = timedelta(seconds=60)
_LEAST_HELD: Final = timedelta(seconds=1)
_ASK_AGAIN: Final = timedelta(seconds=5)
_AGAIN_AFTER_REFUSAL: Final = 60.0
LONGEST_HELD: Final = timedelta(hours=1)


def ahead_of(ends: datetime, obtained: datetime) -> datetime:
    """Return when to get another token: a minute ahead, or a quarter of the lifetime of a short-lived one.

    A token that ends at once is used for a second, so that not every call asks for another one.
    """
    ahead = ends - min(_MOST_AHEAD, max(ends - obtained, timedelta(0)) / 4)
    return max(ahead, obtained + _LEAST_HELD)


class _Held(Struct, frozen=True, kw_only=True):
    """A token, for these needs at this address."""

    needs: OAuthNeeds
    url: str
    generation: str
    tokens: Tokens
    ask_again_at: datetime
    refused_until: float = float("-inf")

    def lend(self) -> AccessToken:
        return AccessToken(
            value=self.tokens.access_token, ask_again_at=self.ask_again_at, generation=self.generation
        )


class ServiceTokens:
    """Gets and holds the token of each service account."""

    def __init__(
        self,
        *,
        client: OAuthClient,
        registrations: ClientRegistrations,
        description: ClientDescription,
        clock: Clock,
    ) -> None:
        self._client = client
        self._registrations = registrations
        self._description = description
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._asks: JoinedReads[tuple[str, OAuthNeeds, str], AccessToken] = JoinedReads()

    async def token_for(self, mcp: Mcp) -> AccessToken:
        """Return the token; while no other can be had, the old one as long as it is valid."""
        needs, url = _needs(mcp), url_of(mcp)
        held = self._held.get(mcp.mcp_id)
        if (
            held is not None
            and (held.needs, held.url) == (needs, url)
            and self._clock.now() < held.ask_again_at
        ):
            return held.lend()
        return await self._asks.run((mcp.mcp_id, needs, url), partial(self._ask, mcp))

    async def refused(self, mcp: Mcp, token: str) -> bool:
        """Get another token in the place of one that is refused, but not again and again."""
        held, now = self._held.get(mcp.mcp_id), self._clock.monotonic()
        if held is None or held.tokens.access_token != token:
            return True
        if now < held.refused_until and self._clock.now() < held.ask_again_at:
            return False
        due = structs.replace(held, ask_again_at=self._clock.now(), refused_until=now + _AGAIN_AFTER_REFUSAL)
        self._held[mcp.mcp_id] = due
        try:
            return (await self.token_for(mcp)).value != token
        except AuthorizationServerUnavailableError:
            return False

    async def with_secret(self, mcp: Mcp, server: ServerMetadata, registration: Registration) -> Registration:
        """Return the registration of a grant; the secret of a declared client as it is now."""
        needs = mcp.credentials.oauth
        if registration.kind is not RegistrationKind.DECLARED or needs is None:
            return registration
        if needs.client_id != registration.client_id:
            raise RegistrationDeadError("Another client is declared since the user connected.")
        return await self._client.register(server, needs, self._description)

    async def _ask(self, mcp: Mcp) -> AccessToken:
        needs, url = _needs(mcp), url_of(mcp)
        held = self._held.get(mcp.mcp_id)
        same = held if held is not None and (held.needs, held.url) == (needs, url) else None
        try:
            tokens = await self._tokens(mcp, needs, url)
        except AuthorizationServerUnavailableError:
            ends = None if same is None else same.tokens.expires_at
            now = self._clock.now()
            if same is None or (ends is not None and ends <= now):
                raise
            self._held[mcp.mcp_id] = waiting = structs.replace(same, ask_again_at=now + _ASK_AGAIN)
            return waiting.lend()
        now = self._clock.now()
        ends = tokens.expires_at or now + LONGEST_HELD
        self._held[mcp.mcp_id] = another = _Held(
            needs=needs,
            url=url,
            generation=secrets.token_hex(4) if same is None else same.generation,
            tokens=tokens,
            ask_again_at=ahead_of(ends, now),
            refused_until=float("-inf") if same is None else same.refused_until,
        )
        return another.lend()

    async def _tokens(self, mcp: Mcp, needs: OAuthNeeds, url: str) -> Tokens:
        """Ask the authorization server; a registration that is dead is replaced once."""
        server = await self._client.discover(url, needs)
        scopes = self._client.scopes_to_request(server, needs)
        registration = await self._registrations.at(server, mcp, needs, self._description)
        try:
            return await self._client.service_tokens(server, registration, scopes=scopes)
        except RegistrationDeadError:
            await self._registrations.forget(mcp, registration)
            if registration.kind is not RegistrationKind.DYNAMIC:
                raise
        another = await self._registrations.at(server, mcp, needs, self._description)
        return await self._client.service_tokens(server, another, scopes=scopes)


def _needs(mcp: Mcp) -> OAuthNeeds:
    needs = mcp.credentials.oauth
    if needs is None:
        raise AssertionError("asked only for an MCP with a service account")
    return needs
