"""Verification of access tokens, as a port."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault


class TokenKind(StrEnum):
    """What a token is for: access to this server, or its token endpoint (ID-JAG); one is never taken for the other."""

    ACCESS = "access"
    ASSERTION = "assertion"


class Refusal(Struct, frozen=True):
    """Why a token is refused; `detail` is for administrators and never quotes the token."""

    fault: TokenFault
    detail: str = ""


class TokenVerifier(Protocol):
    """Verifies that tokens are of their issuers; what the claims mean is decided elsewhere."""

    def named_issuer(self, token: str) -> str | Refusal | None:
        """Return the issuer that a token names, None for one that names none. Nothing of it is verified yet."""
        ...

    async def verify(self, token: str, issuer: Issuer) -> Mapping[str, Any] | Refusal:
        """Return the claims of a token of this issuer, or why it is refused; raises no error."""
        ...

    def asserting_issuer(self, assertion: str) -> str | Refusal:
        """Return the issuer that an identity assertion names. Nothing of it is verified yet."""
        ...

    async def verify_assertion(self, assertion: str, issuer: Issuer) -> Mapping[str, Any] | Refusal:
        """Return the claims of an identity assertion that this issuer has signed, or why it is refused."""
        ...

    def verify_client(self, assertion: str, key: str) -> Mapping[str, Any] | None:
        """Return the claims of an assertion that a client has signed with its key; None for anything else."""
        ...

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose tokens could never be verified."""
        ...

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch again what is half as old as it may become, and forget what is of other issuers."""
        ...
