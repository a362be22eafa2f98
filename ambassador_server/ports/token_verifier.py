"""Verification of access tokens, as a port."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault


class Refusal(Struct, frozen=True):
    """Why a token is refused; `detail` is for administrators and never quotes the token."""

    fault: TokenFault
    detail: str = ""


class TokenVerifier(Protocol):
    """Verifies signatures; what the claims mean is decided elsewhere."""

    def named_issuer(self, token: str) -> str | Refusal:
        """Return the issuer that a token names. Nothing of it is verified yet."""
        ...

    async def verify(self, token: str, issuer: Issuer) -> Mapping[str, Any] | Refusal:
        """Return the claims of a token that this issuer has signed, or why it is refused; raises no error."""
        ...

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose keys could never be fetched."""
        ...

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch keys that are half as old as they may become, and forget those of other issuers."""
        ...
