"""Exchanges the access token of a request for one of a downstream: at its provider, then at the downstream's server."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds, SubjectType
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import SubjectToken
from ambassador_server.errors import AuthorizationServerUnavailableError, ScopeRefusedError
from ambassador_server.ports.authorization import (
    ClientDescription,
    IdentityToken,
    OAuthClient,
    Registration,
    ServerMetadata,
    Tokens,
)
from ambassador_server.services.credentials.oauth_grants import url_of

_SECONDS: Final = 20.0
_KEPT_SECONDS: Final = 300.0
_KINDS: Final = {each: f"urn:ietf:params:oauth:token-type:{each}" for each in SubjectType}


class Exchanged(Struct, frozen=True, kw_only=True):
    """The tokens for one user, the authorization server that has issued them, and this server as its client."""

    tokens: Tokens
    server: ServerMetadata
    registration: Registration


class _Parties(Struct, frozen=True, kw_only=True):
    """Who is asked for an MCP, as it was found until a time."""

    needs: OAuthNeeds
    url: str
    issuer: Issuer
    provider: ServerMetadata
    server: ServerMetadata
    until: float


class AssertionExchange:
    """Asks for tokens; what it finds out about servers is kept for some minutes, tokens are not."""

    def __init__(
        self, *, client: OAuthClient, description: ClientDescription, monotonic: Callable[[], float]
    ) -> None:
        self._client = client
        self._description = description
        self._monotonic = monotonic
        self._known: dict[str, _Parties] = {}

    async def run(self, mcp: Mcp, needs: OAuthNeeds, issuer: Issuer, subject: SubjectToken) -> Exchanged:
        """Return tokens of the MCP; raises AuthorizationError."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._run(mcp, needs, issuer, subject)
        except TimeoutError:
            raise AuthorizationServerUnavailableError(
                f"The access was not granted within {_SECONDS:.0f} s."
            ) from None

    async def _run(self, mcp: Mcp, needs: OAuthNeeds, issuer: Issuer, subject: SubjectToken) -> Exchanged:
        parties = await self._parties(mcp, needs, issuer)
        provider, server = parties.provider, parties.server
        at_provider = await self._client.register(provider, _at_provider(needs, issuer), self._description)
        registration = await self._client.register(server, needs, self._description)
        scopes = self._client.scopes_to_request(server, needs)
        assertion = await self._client.identity_assertion(
            provider,
            at_provider,
            IdentityToken(token=subject.text, subject=subject.subject, kind=_KINDS[needs.subject_type]),
            server,
            client_id=registration.client_id,
            scopes=scopes,
        )
        tokens = await self._client.present_assertion(server, registration, assertion, scopes=scopes)
        if scopes and not {*tokens.scopes} <= {*scopes}:
            raise ScopeRefusedError("The authorization server has granted other scopes than were asked for.")
        return Exchanged(tokens=tokens, server=server, registration=registration)

    async def _parties(self, mcp: Mcp, needs: OAuthNeeds, issuer: Issuer) -> _Parties:
        known, url = self._known.get(mcp.mcp_id), url_of(mcp)
        if (
            known is not None
            and (known.needs, known.url, known.issuer) == (needs, url, issuer)
            and self._monotonic() < known.until
        ):
            return known
        found = self._known[mcp.mcp_id] = _Parties(
            needs=needs,
            url=url,
            issuer=issuer,
            provider=await self._client.provider(issuer.url, private_addresses=issuer.private_addresses),
            server=await self._client.discover(url, needs),
            until=self._monotonic() + _KEPT_SECONDS,
        )
        return found


def _at_provider(needs: OAuthNeeds, issuer: Issuer) -> OAuthNeeds:
    """Return this server as a client of the provider."""
    return OAuthNeeds(
        grant=needs.grant,
        client_id=needs.provider_client_id,
        client_secret=needs.provider_client_secret,
        issuer=issuer.url,
    )
