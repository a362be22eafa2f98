"""The token endpoint of an issuer as a port, for the client that this server is there on behalf of hosts."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace


class ProvidedTokens(Struct, frozen=True, kw_only=True):
    """Tokens of an issuer for a host, exactly as it gave them."""

    access_token: str
    token_type: str
    expires_in: int | None
    refresh_token: str | None
    scope: str | None

    def __repr__(self) -> str:
        """Show nothing of them."""
        return "ProvidedTokens(...)"


class ProviderTokens(Protocol):
    """Asks issuers for tokens, and keeps none."""

    async def request(
        self, issuer: Issuer, place: LoginPlace, parameters: Mapping[str, str]
    ) -> ProvidedTokens:
        """Return the tokens for a code or a refresh token.

        Raises TokenRequestError, with a code of OAuth that concerns the host, or `temporarily_unavailable` if the
        issuer, or the client that this server is there, is at fault.
        """
        ...
