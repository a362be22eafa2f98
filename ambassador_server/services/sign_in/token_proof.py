"""Authenticates principals by access tokens of the organisation's issuers."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec import Struct

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.token_claims import (
    SKEW,
    STEP_OF,
    TokenFault,
    TokenIdentity,
    TokenStep,
)
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import User
from ambassador_server.errors import InsufficientScopeError, InvalidTokenError, IssuerUnavailableError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.throttle import Throttle
from ambassador_server.ports.token_verifier import Refusal
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.login_throttle import count_wrong_token
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_reading import TokenReading

KNOWN_SECONDS: Final = 60.0
"""How long a verified token is not verified again; whom it names, and may do what, is looked at with each request."""
MOST_KNOWN: Final = 10_000
_BEFORE_SIGNATURE: Final = frozenset(
    {
        TokenStep.FORM,
        TokenStep.ISSUER,
        TokenStep.ALGORITHM,
        TokenStep.KEY,
        TokenStep.SIGNATURE,
    }
)


class _Known(Struct):
    """A token that was verified, by the issuer as it was then; `principal` is of the user as it was last."""

    issuer: Issuer
    identity: TokenIdentity
    verified_at: float
    user: User
    principal: Principal


class TokenProver:
    """Checks access tokens; no other code does."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        reading: TokenReading,
        accounts: TokenAccounts,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._policy = policy
        self._reading = reading
        self._accounts = accounts
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def are_accepted(self) -> bool:
        """Tell whether there is an issuer at all."""
        return self._policy.snapshot.issuers is not None

    async def authenticate(self, token: str, origin: Origin) -> Principal:
        """Return the principal of a token.

        Raises InvalidTokenError, InsufficientScopeError, and IssuerUnavailableError without keys of the issuer.
        """
        digest = sha256(token.encode()).digest()
        known = self._known.get(digest)
        principal = None if known is None else self._still(known)
        return principal or await self._verify(token, digest, origin)

    async def authenticate_claims(
        self, issuer: Issuer, claims: Mapping[str, Any], believed: timedelta, origin: Origin
    ) -> Principal:
        """Return the principal of claims that a trusted gateway has made as this issuer; they are good for a while.

        Raises InvalidTokenError.
        """
        digest = sha256(msgspec.json.encode([issuer.issuer_id, claims], order="sorted")).digest()
        known = self._known.get(digest)
        principal = None if known is None else self._still(known)
        if principal is not None:
            return principal
        identity = self._reading.of_claims(issuer, claims, self._clock.now() + believed)
        return await self._admit(identity, issuer, digest, origin)

    def clients(self) -> tuple[Principal, ...]:
        """Return the principals whose tokens this server has seen and would accept now; of each client the newest.

        A token counts until it ends, or until so many others have come that it is forgotten.
        """
        now = self._clock.now()
        found: dict[str, Principal] = {}
        for known in self._known.values():
            if known.identity.expires_at + SKEW > now:
                user = self._reading.user_of(known.issuer, known.identity)
                if not isinstance(user, TokenFault):
                    principal = _principal(known.issuer, known.identity, user)
                    found[principal.key_id] = principal
        return tuple(found.values())

    def _still(self, known: _Known) -> Principal | None:
        """Return the principal of a token that was verified lately; None if it has to be verified again."""
        issuers = self._policy.snapshot.issuers
        issuer = None if issuers is None else issuers.by_id.get(known.issuer.issuer_id)
        if issuer is not known.issuer and issuer != known.issuer:
            return None
        if self._clock.monotonic() - known.verified_at > KNOWN_SECONDS:
            return None
        if known.identity.expires_at + SKEW <= self._clock.now():
            return None
        user = self._reading.user_of(known.issuer, known.identity)
        if isinstance(user, TokenFault):
            return None
        if user is not known.user:
            known.user, known.principal = user, _principal(known.issuer, known.identity, user)
        return known.principal

    async def _verify(self, token: str, digest: bytes, origin: Origin) -> Principal:
        issuer = self._reading.issuer_of(token)
        if isinstance(issuer, Refusal):
            raise await self._refused(issuer, None, origin)
        return await self._admit(await self._reading.identity(token, issuer), issuer, digest, origin)

    async def _admit(
        self, identity: TokenIdentity | Refusal, issuer: Issuer, digest: bytes, origin: Origin
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
        principal = _principal(issuer, identity, user)
        if digest not in self._known:
            await self._record(principal, issuer, identity, origin)
        self._known[digest] = _Known(issuer, identity, self._clock.monotonic(), user, principal)
        self._known.move_to_end(digest)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return principal

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
        if count_wrong_token(self._throttle, origin):
            await self._recorder.event(
                AuditAction.TOKEN_REFUSE,
                Outcome.DENIED,
                actor=Actor(kind=ActorKind.UNKNOWN),
                resource=Resource(kind="issuer", id=None, name=None)
                if issuer is None
                else issuer_resource(issuer),
                origin=origin,
                reason=fault,
                details={} if user_name is None else {"user": user_name},
            )
        if fault is TokenFault.TOO_FEW_SCOPES and issuer is not None:
            return InsufficientScopeError("The access token lacks a scope", scopes=issuer.scopes)
        if fault is TokenFault.KEYS_UNAVAILABLE:
            return IssuerUnavailableError("The keys of the issuer of the token cannot be fetched. Try again.")
        if STEP_OF[fault] in _BEFORE_SIGNATURE:
            return InvalidTokenError("Valid access token required")
        what = "identity of the request" if issuer is not None and issuer.is_gateway else "access token"
        return InvalidTokenError(f"The {what} is not accepted ({fault})")


def _principal(issuer: Issuer, identity: TokenIdentity, user: User) -> Principal:
    return token_principal(
        issuer, user, expires_at=identity.expires_at, groups=identity.groups, client=identity.client
    )
