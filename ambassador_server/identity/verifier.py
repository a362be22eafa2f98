"""Verifies tokens in the way that their issuer is trusted in: by its keys, or by asking it."""

from collections.abc import Collection, Mapping
from typing import Any

from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.identity.client_keys import verify_with_key
from ambassador_server.identity.introspection import Introspector
from ambassador_server.identity.issuer_documents import check_secret
from ambassador_server.identity.token_form import check_opaque, is_opaque
from ambassador_server.identity.verification import JwtVerifier
from ambassador_server.ports.token_verifier import Refusal, TokenKind


class Verifier:
    """Implements `ports.token_verifier.TokenVerifier`."""

    def __init__(self, signed: JwtVerifier, introspector: Introspector) -> None:
        self._signed = signed
        self._introspector = introspector

    def named_issuer(self, token: str) -> str | Refusal | None:
        """Return the issuer that a token names, None for one that names none. Nothing of it is verified yet."""
        return check_opaque(token) if is_opaque(token) else self._signed.named_issuer(token)

    async def verify(self, token: str, issuer: Issuer) -> Mapping[str, Any] | Refusal:
        """Return the claims of a token of this issuer, or why it is refused; raises no error."""
        return await self._of(issuer).verify(token, issuer)

    def asserting_issuer(self, assertion: str) -> str | Refusal:
        """Return the issuer that an identity assertion names. Nothing of it is verified yet."""
        return self._signed.named_issuer(assertion, TokenKind.ASSERTION)

    async def verify_assertion(self, assertion: str, issuer: Issuer) -> Mapping[str, Any] | Refusal:
        """Return the claims of an identity assertion that this issuer has signed, or why it is refused."""
        return await self._signed.verify(assertion, issuer, TokenKind.ASSERTION)

    def verify_client(self, assertion: str, key: str) -> Mapping[str, Any] | None:
        """Return the claims of an assertion that a client has signed with its key; None for anything else."""
        return verify_with_key(assertion, key)

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose tokens could never be verified."""
        self._of(issuer).check(issuer)
        if issuer.host_client_secret is not None:
            check_secret(issuer.host_client_secret)

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch again what is half as old as it may become, and forget what is of other issuers."""
        await self._signed.refresh([each for each in issuers if self._of(each) is self._signed])
        await self._introspector.refresh([each for each in issuers if self._of(each) is self._introspector])

    def _of(self, issuer: Issuer) -> JwtVerifier | Introspector:
        return self._introspector if issuer.key_source is KeySource.INTROSPECTION else self._signed
