"""Verifies the signatures of tokens with the keys of their issuers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from jwt import PyJWS, PyJWTError

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.errors import AuthorizationError
from ambassador_server.identity.held_keys import HeldKeys
from ambassador_server.identity.key_set import VerificationKey
from ambassador_server.identity.key_sources import KeySources
from ambassador_server.identity.token_form import read_form
from ambassador_server.ports.token_verifier import Refusal, TokenKind


class JwtVerifier:
    """Implements `ports.token_verifier.TokenVerifier`."""

    def __init__(self, sources: KeySources, monotonic: Callable[[], float]) -> None:
        self._sources = sources
        self._keys = HeldKeys(sources, monotonic)
        self._signatures = PyJWS()

    def named_issuer(self, token: str, kind: TokenKind = TokenKind.ACCESS) -> str | Refusal:
        """Return the issuer that a token names. Nothing of it is verified yet."""
        form = read_form(token, kind)
        return form if isinstance(form, Refusal) else form.issuer

    async def verify(
        self, token: str, issuer: Issuer, kind: TokenKind = TokenKind.ACCESS
    ) -> Mapping[str, Any] | Refusal:
        """Return the claims of a token that this issuer has signed, or why it is refused; raises no error."""
        form = read_form(token, kind)
        if isinstance(form, Refusal):
            return form
        # The token chooses among what the issuer is permitted, so it cannot make a public key a secret.
        if form.algorithm not in issuer.algorithms:
            return Refusal(TokenFault.ALGORITHM_NOT_ALLOWED, f"permitted: {', '.join(issuer.algorithms)}")
        try:
            keys = await self._keys.choose(issuer, form.algorithm, form.key_id)
        except AuthorizationError as error:
            return Refusal(TokenFault.KEYS_UNAVAILABLE, error.message)
        if not keys:
            return Refusal(
                TokenFault.UNKNOWN_KEY, "no key of the issuer has this name and fits the algorithm"
            )
        claims = self._claims(token, form.algorithm, keys)
        return Refusal(TokenFault.WRONG_SIGNATURE) if claims is None else claims

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer whose keys could never be fetched."""
        self._sources.check(issuer)

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Fetch keys that are half as old as they may become, and forget those of other issuers."""
        await self._keys.refresh(issuers)

    def _claims(self, token: str, algorithm: str, keys: Sequence[VerificationKey]) -> dict[str, Any] | None:
        for each in keys:
            try:
                payload = self._signatures.decode(token, each.key, algorithms=[algorithm])
                found = msgspec.json.decode(payload)
            except (PyJWTError, msgspec.DecodeError, ValueError, TypeError, RecursionError):
                continue
            return found if isinstance(found, dict) else None
        return None
