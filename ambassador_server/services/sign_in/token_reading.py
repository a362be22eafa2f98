"""Finds out what a token means: whose it is, whom it names, and which user of this server that is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity, read_claims
from ambassador_server.domain.people.token_principals import naming_fault
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.token_verifier import Refusal, TokenVerifier
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_OTHER: Final = TokenFault.UNKNOWN_ISSUER


class TokenReading:
    """Reads tokens, and remembers nothing of them."""

    def __init__(self, *, policy: PolicyKeeper, verifier: TokenVerifier, clock: Clock) -> None:
        self._policy = policy
        self._verifier = verifier
        self._clock = clock
        self._users: Mapping[str, User] = {}
        self._by_name: dict[str, User] = {}
        self._by_subject: dict[tuple[str | None, str | None], User] = {}

    def issuer_of(self, token: str) -> Issuer | Refusal:
        """Return the trusted issuer that a token names, or is assigned to. Nothing of it is verified yet."""
        issuers = self._policy.snapshot.issuers
        named = self._verifier.named_issuer(token)
        if isinstance(named, Refusal):
            return named
        if issuers is None:
            return Refusal(TokenFault.UNKNOWN_ISSUER)
        if named is None and not issuers.asked:
            return Refusal(TokenFault.MALFORMED, "it is not signed, and no issuer is asked about such tokens")
        found = issuers.of_opaque(token) if named is None else issuers.by_url.get(named)
        return found or Refusal(TokenFault.UNKNOWN_ISSUER)

    def misassigned(self, token: str, issuer: Issuer) -> Refusal | None:
        """Return why a token is none of this issuer's, None if it is; no issuer is asked."""
        named = self._verifier.named_issuer(token)
        if isinstance(named, Refusal):
            return named
        if named is not None:
            return None if named == issuer.url else Refusal(_OTHER, f"it names {named[:200]!r}")
        if issuer.key_source is not KeySource.INTROSPECTION:
            return Refusal(
                TokenFault.MALFORMED, "it is not signed, and this issuer is not asked about tokens"
            )
        issuers = self._policy.snapshot.issuers
        found = None if issuers is None else issuers.of_opaque(token)
        if found is None:
            return Refusal(_OTHER, f"it does not begin with {issuer.token_prefix!r}")
        if found.issuer_id != issuer.issuer_id:
            return Refusal(_OTHER, f"it begins like those of issuer {found.name!r}")
        return None

    async def identity(self, token: str, issuer: Issuer) -> TokenIdentity | Refusal:
        """Return whom a token of this issuer names, or why it is refused; raises no error."""
        claims = await self._verifier.verify(token, issuer)
        if isinstance(claims, Refusal):
            return claims
        now = self._clock.now()
        found = read_claims(claims, issuer, now)
        if isinstance(found, TokenFault):
            return Refusal(found)
        # What the issuer says now needs no allowance for clocks, and is not believed after the end of the token.
        if issuer.key_source is KeySource.INTROSPECTION and found.expires_at <= now:
            return Refusal(TokenFault.EXPIRED)
        return found

    def of_claims(
        self, issuer: Issuer, claims: Mapping[str, Any], expires_at: datetime
    ) -> TokenIdentity | Refusal:
        """Return whom claims name that a trusted gateway has made as this issuer, or why they are refused."""
        complete = {**claims, "iss": issuer.url, "exp": expires_at.timestamp()}
        found = read_claims(complete, issuer, self._clock.now())
        return Refusal(found) if isinstance(found, TokenFault) else found

    def user_of(self, issuer: Issuer, identity: TokenIdentity) -> User | TokenFault:
        """Return the active user that a token is of.

        A user who was created for a token is found by issuer and subject alone, so that nobody gets the account with
        the name. Of the other users only those are found by name whom an identity provider authenticates, and those
        whom this issuer describes by SCIM: it says itself who has which name.
        """
        self._index()
        user = self._by_subject.get((issuer.url, identity.subject))
        if user is None:
            user = self._by_name.get(identity.user_name)
            if user is None:
                return TokenFault.UNKNOWN_USER
            if user.issuer is not None and user.provisioner != issuer.issuer_id:
                return TokenFault.USER_OF_ANOTHER
        fault = naming_fault(issuer, user)
        if fault is not None:
            return fault
        return user if user.status is UserStatus.ACTIVE else TokenFault.USER_NOT_ACTIVE

    def _index(self) -> None:
        users = self._policy.snapshot.users
        # A snapshot in which no user differs has the same map as the one before.
        if users is not self._users:
            self._users = users
            self._by_name = {user.name: user for user in users.values()}
            named = [user for user in users.values() if user.issuer is not None]
            # Who was deleted by SCIM and came back with another name is the account that is active.
            named.sort(key=lambda user: user.status is UserStatus.ACTIVE)
            self._by_subject = {(user.issuer, user.subject): user for user in named}
