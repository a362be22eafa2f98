"""Proves users by the ID token that their organisation's provider has given them just now."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.login_places import LoginPlace
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.sign_in_claims import SignInFault, SignInIdentity, read_sign_in
from ambassador_server.domain.people.token_claims import STEP_OF, TokenFault, TokenStep
from ambassador_server.domain.people.used_once import UsedOnce, id_of_signed
from ambassador_server.domain.people.users import AuthSource, User, UserStatus
from ambassador_server.errors import (
    ConflictError,
    IssuerUnavailableError,
    RateLimitedError,
    SignInRefusedError,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.login_endpoints import LoginEndpoints
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.ports.throttle import Rate
from ambassador_server.ports.token_verifier import Refusal, TokenVerifier
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.login_throttle import SignInThrottle
from ambassador_server.services.sign_in.refusals import record_refusal
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_reading import TokenReading

Fault = TokenFault | SignInFault

_BEFORE_SIGNATURE = frozenset(
    {TokenStep.FORM, TokenStep.ISSUER, TokenStep.ALGORITHM, TokenStep.KEY, TokenStep.SIGNATURE}
)


class SignInBounds(NamedTuple):
    """How often an address may fail, and ask where people sign in."""

    failures: SignInThrottle
    lists: Rate


class Presented(Struct, frozen=True, kw_only=True):
    """An ID token and the secret of its nonce, as a command presents them; neither is kept."""

    token: str
    nonce: str
    origin: Origin

    def __repr__(self) -> str:
        """Show nothing of them."""
        return "Presented(...)"


class SignInFaultError(Exception):
    """A sign-in is refused inside a transaction, which is rolled back before the refusal is recorded."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


class Proof(Struct, frozen=True, kw_only=True):
    """A user whom an issuer named; `used` keeps the token from being exchanged again."""

    issuer: Issuer
    user: User
    used: UsedOnce

    async def use(self, work: UnitOfWork) -> User:
        """Mark the token as used and return the user as stored now.

        Raises SignInFaultError if the token was used, here or on another server, or if issuer or user have changed.
        """
        if await work.issuers.get(self.issuer.issuer_id) != self.issuer:
            raise SignInFaultError(TokenFault.UNKNOWN_ISSUER)
        user = await work.users.get(self.user.user_id)
        if user is None or user.source is not AuthSource.EXTERNAL or user.status is not UserStatus.ACTIVE:
            raise SignInFaultError(TokenFault.USER_NOT_ACTIVE)
        try:
            await work.used_once.add(self.used)
        except ConflictError:
            raise SignInFaultError(SignInFault.USED_ALREADY) from None
        return user


class OrganisationProver:
    """Checks ID tokens, and tells where people get them; no other code does."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        verifier: TokenVerifier,
        reading: TokenReading,
        endpoints: LoginEndpoints,
        accounts: TokenAccounts,
        recorder: Recorder,
        clock: Clock,
        bounds: SignInBounds,
    ) -> None:
        self._policy = policy
        self._verifier = verifier
        self._reading = reading
        self._endpoints = endpoints
        self._accounts = accounts
        self._recorder = recorder
        self._clock = clock
        self._bounds = bounds

    async def places(self, origin: Origin) -> Sequence[tuple[Issuer, LoginPlace | None]]:
        """Return the issuers that people can sign in with, by name. Raises RateLimitedError."""
        refused = self._bounds.lists.take(origin.address)
        if refused is not None:
            raise RateLimitedError("Too many requests", retry_after=refused.wait_seconds)
        trusted = self._policy.snapshot.issuers
        found = [] if trusted is None else [each for each in trusted.by_id.values() if each.login_client_id]
        found.sort(key=lambda issuer: issuer.name)
        places = await asyncio.gather(*(self._endpoints.find(each) for each in found))
        return list(zip(found, places, strict=True))

    async def prove(self, presented: Presented, *, creates_users: bool) -> Proof:
        """Return the user of an ID token, who is created if that and the issuer permit it.

        Raises SignInRefusedError, IssuerUnavailableError without keys of the issuer, and RateLimitedError after too
        many refused tokens from an address.
        """
        origin = presented.origin
        self._bounds.failures.check(origin)
        issuer = self._reading.issuer_of(presented.token)
        if isinstance(issuer, Refusal):
            raise await self.refused(issuer.fault, None, origin)
        found = await self._read(presented, issuer)
        if not isinstance(found, SignInIdentity):
            raise await self.refused(found, issuer, origin)
        user = self._reading.user_of(issuer, found.identity)
        if user is TokenFault.UNKNOWN_USER and issuer.creates_users and creates_users:
            await self._accounts.create(issuer, found.identity, origin)
            user = self._reading.user_of(issuer, found.identity)
        if isinstance(user, TokenFault):
            raise await self.refused(user, issuer, origin, found.identity.user_name)
        used = UsedOnce(use_id=id_of_signed(presented.token), expires_at=found.over_at)
        return Proof(issuer=issuer, user=user, used=used)

    async def refused(
        self, fault: Fault, issuer: Issuer | None, origin: Origin, user_name: str | None = None
    ) -> SignInRefusedError | IssuerUnavailableError:
        """Count and record a refusal, and return the error to raise."""
        self._bounds.failures.failed(origin)
        await record_refusal(
            self._recorder,
            AuditAction.SIGN_IN_REFUSE,
            issuer,
            reason=fault,
            origin=origin,
            user_name=user_name,
        )
        if fault is TokenFault.KEYS_UNAVAILABLE:
            return IssuerUnavailableError("The keys of the issuer cannot be fetched. Try again.")
        if isinstance(fault, TokenFault) and STEP_OF[fault] in _BEFORE_SIGNATURE:
            return SignInRefusedError("The sign-in is not accepted: it has no valid ID token")
        return SignInRefusedError(f"The sign-in is not accepted ({fault})")

    async def _read(self, presented: Presented, issuer: Issuer) -> SignInIdentity | Fault:
        if issuer.login_client_id is None:
            return SignInFault.NO_LOGIN
        claims = await self._verifier.verify(presented.token, issuer)
        if isinstance(claims, Refusal):
            return claims.fault
        return read_sign_in(claims, issuer, presented.nonce, self._clock.now())
