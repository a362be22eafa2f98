"""Authenticates principals by access tokens of the organisation's issuers."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.token_claims import (
    STEP_OF,
    TokenFault,
    TokenIdentity,
    TokenStep,
)
from ambassador_server.domain.secrets.tokens import ACCESS_TOKEN_PREFIX
from ambassador_server.errors import InsufficientScopeError, InvalidTokenError, IssuerUnavailableError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.throttle import Throttle
from ambassador_server.ports.token_verifier import Refusal
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.issued_tokens import IssuedTokens
from ambassador_server.services.sign_in.known_tokens import Known, KnownTokens
from ambassador_server.services.sign_in.login_throttle import (
    UnknownTokenThrottle,
    count_unchecked_token,
    count_wrong_token,
)
from ambassador_server.services.sign_in.providers import Providers
from ambassador_server.services.sign_in.refusals import record_refusal
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_reading import TokenReading

_BEFORE_SIGNATURE: Final = frozenset(
    {
        TokenStep.FORM,
        TokenStep.ISSUER,
        TokenStep.ALGORITHM,
        TokenStep.KEY,
        TokenStep.SIGNATURE,
        TokenStep.ACTIVE,
    }
)


class TokenProver:
    """Checks access tokens; no other code does."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        reading: TokenReading,
        accounts: TokenAccounts,
        issued: IssuedTokens,
        recorder: Recorder,
        throttle: Throttle,
        unknown: UnknownTokenThrottle,
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._reading = reading
        self._accounts = accounts
        self._issued = issued
        self._recorder = recorder
        self._throttle = throttle
        self._unknown = unknown
        self._clock = clock
        self._providers = Providers(policy)
        self._known = KnownTokens(policy=policy, reading=reading, clock=clock)

    def are_accepted(self) -> bool:
        """Tell whether there is an issuer at all."""
        return self._policy.snapshot.issuers is not None

    def are_opaque_accepted(self) -> bool:
        """Tell whether there is an issuer that is asked about tokens."""
        issuers = self._policy.snapshot.issuers
        return issuers is not None and bool(issuers.asked)

    async def authenticate(self, token: str, origin: Origin) -> Principal:
        """Return the principal of a token.

        Raises InvalidTokenError, InsufficientScopeError, RateLimitedError for too many unknown tokens, and
        IssuerUnavailableError without keys or an answer of the issuer.
        """
        digest = sha256(token.encode()).digest()
        principal = self._known.find(digest) or await self._verify(token, digest, origin)
        if principal.key_name in self._providers.names:
            return self._known.presenting(principal, digest, token)
        return principal

    async def authenticate_claims(
        self, issuer: Issuer, claims: Mapping[str, Any], believed: timedelta, origin: Origin
    ) -> Principal:
        """Return the principal of claims that a trusted gateway has made as this issuer; they are good for a while.

        Raises InvalidTokenError.
        """
        digest = sha256(msgspec.json.encode([issuer.issuer_id, claims], order="sorted")).digest()
        principal = self._known.find(digest)
        if principal is not None:
            return principal
        identity = self._reading.of_claims(issuer, claims, self._clock.now() + believed)
        return await self._admit(identity, issuer, digest, origin)

    def clients(self) -> tuple[Principal, ...]:
        """Return the principals whose tokens this server has seen and would accept now; of each client the newest.

        A token counts until it ends, or until so many others have come that it is forgotten.
        """
        return self._known.clients()

    async def ask_again(self, principals: Iterable[Principal]) -> None:
        """Ask issuers about the tokens of these principals, whose calls or streams go on, before what is known ends.

        While an issuer does not answer, what it said last holds to the end of its minute, and no longer.
        """
        await asyncio.gather(*(self._ask_again(*each) for each in self._known.due(principals)))

    async def _ask_again(self, digest: bytes, known: Known) -> None:
        token = known.token or ""
        issuer = self._reading.issuer_of(token)
        identity = issuer if isinstance(issuer, Refusal) else await self._reading.identity(token, issuer)
        if isinstance(identity, Refusal) and identity.fault is TokenFault.INTROSPECTION_FAILED:
            return
        if not isinstance(issuer, Refusal) and not isinstance(identity, Refusal):
            user = self._reading.user_of(issuer, identity)
            if not isinstance(user, TokenFault):
                self._known.keep(digest, token, issuer, identity, user)
                return
        self._known.end(digest)

    async def _verify(self, token: str, digest: bytes, origin: Origin) -> Principal:
        if token.startswith(ACCESS_TOKEN_PREFIX):
            return await self._verify_own(token, digest, origin)
        issuer = self._reading.issuer_of(token)
        if isinstance(issuer, Refusal):
            raise await self._refused(issuer, None, origin)
        identity = await self._identity(token, digest, issuer, origin)
        return await self._admit(identity, issuer, digest, origin, token)

    async def _verify_own(self, token: str, digest: bytes, origin: Origin) -> Principal:
        found = self._issued.read(token)
        if isinstance(found, Refusal):
            raise await self._refused(found, None, origin)
        issuer, identity = found
        return await self._admit(identity, issuer, digest, origin)

    async def _admit(
        self,
        identity: TokenIdentity | Refusal,
        issuer: Issuer,
        digest: bytes,
        origin: Origin,
        token: str = "",
    ) -> Principal:
        """Return the principal of an identity, creating its user where the issuer may; remember it for a minute."""
        if isinstance(identity, Refusal):
            raise await self._refused(identity, issuer, origin)
        user = self._reading.user_of(issuer, identity)
        if user is TokenFault.UNKNOWN_USER and issuer.creates_users:
            await self._accounts.create(issuer, identity, origin)
            user = self._reading.user_of(issuer, identity)
        if isinstance(user, TokenFault):
            raise await self._refused(Refusal(user), issuer, origin, identity.user_name)
        is_new = digest not in self._known
        principal = self._known.keep(digest, token, issuer, identity, user)
        if is_new:
            await self._record(principal, issuer, identity, origin)
        return principal

    async def _identity(
        self, token: str, digest: bytes, issuer: Issuer, origin: Origin
    ) -> TokenIdentity | Refusal:
        """Return whom a token names; how many unknown ones an issuer is asked about is bounded."""
        if issuer.key_source is not KeySource.INTROSPECTION:
            return await self._reading.identity(token, issuer)
        if digest in self._known:
            identity = await self._reading.identity(token, issuer)
        else:
            with self._unknown.asking(issuer.issuer_id, origin):
                identity = await self._reading.identity(token, issuer)
        if isinstance(identity, Refusal) and identity.fault is not TokenFault.INTROSPECTION_FAILED:
            self._known.end(digest)
            if identity.fault is TokenFault.INACTIVE:
                self._unknown.inactive(issuer.issuer_id)
        return identity

    async def _record(
        self, principal: Principal, issuer: Issuer, identity: TokenIdentity, origin: Origin
    ) -> None:
        await self._recorder.event(
            AuditAction.TOKEN_ACCEPT,
            Outcome.SUCCEEDED,
            actor=user_actor(principal),
            resource=issuer_resource(issuer),
            origin=origin,
            details={
                "client": identity.client,
                "subject": identity.subject,
                "groups": len(identity.groups),
                "groups_unknown": identity.groups_unknown,
                "expires_at": identity.expires_at.isoformat(),
            },
        )

    async def _refused(
        self, refusal: Refusal, issuer: Issuer | None, origin: Origin, user_name: str | None = None
    ) -> InvalidTokenError | InsufficientScopeError | IssuerUnavailableError:
        """Record a refusal, unless the address was refused too often, and return the error to raise."""
        fault = refusal.fault
        count = count_unchecked_token if fault is TokenFault.INTROSPECTION_FAILED else count_wrong_token
        if count(self._throttle, origin):
            await record_refusal(
                self._recorder,
                AuditAction.TOKEN_REFUSE,
                issuer,
                reason=fault,
                origin=origin,
                user_name=user_name,
            )
        if fault is TokenFault.TOO_FEW_SCOPES and issuer is not None:
            return InsufficientScopeError("The access token lacks a scope", scopes=issuer.scopes)
        if fault is TokenFault.KEYS_UNAVAILABLE:
            return IssuerUnavailableError("The keys of the issuer of the token cannot be fetched. Try again.")
        if fault is TokenFault.INTROSPECTION_FAILED:
            return IssuerUnavailableError(
                "The issuer of the token does not say whether it is active. Try again."
            )
        if STEP_OF[fault] in _BEFORE_SIGNATURE:
            return InvalidTokenError("Valid access token required")
        what = "identity of the request" if issuer is not None and issuer.is_gateway else "access token"
        return InvalidTokenError(f"The {what} is not accepted ({fault})")
