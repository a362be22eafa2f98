"""Remembers for a minute what was verified of tokens; whom they name, and who may do what, is looked up each time."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ambassador_server.domain.people.issuers import Issuer, KeySource
from ambassador_server.domain.people.principals import Principal, SubjectToken, TokenLease
from ambassador_server.domain.people.token_claims import SKEW, TokenFault, TokenIdentity
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import User
from ambassador_server.ports.clock import Clock
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.token_reading import TokenReading

KNOWN_SECONDS: Final = 60.0
"""How long a verified token is not verified again; whom it names, and may do what, is looked at with each request."""
ASKED_BEFORE: Final = timedelta(seconds=15)
"""How long before the end of a lease its issuer is asked again, if a call or a stream still needs it."""
MOST_KNOWN: Final = 10_000


class Known(Struct):
    """A token that was verified, by the issuer as it was then; `principal` is of the user as it was last.

    `token` is the token itself if its issuer has to be asked again while calls or streams with it go on.
    """

    issuer: Issuer
    identity: TokenIdentity
    verified_at: float
    user: User
    principal: Principal
    token: str | None

    def __repr__(self) -> str:
        """Return the user alone, so that no record has the token."""
        return f"Known({self.user.name!r})"


class KnownTokens:
    """Holds tokens by their digests."""

    def __init__(self, *, policy: PolicyKeeper, reading: TokenReading, clock: Clock) -> None:
        self._policy = policy
        self._reading = reading
        self._clock = clock
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._known

    def find(self, digest: bytes) -> Principal | None:
        """Return the principal of a token that was verified lately; None if it has to be verified again."""
        known = self._known.get(digest)
        if known is None or not self._is_fresh(known):
            return None
        user = self._reading.user_of(known.issuer, known.identity)
        if isinstance(user, TokenFault):
            return None
        if user is not known.user:
            lease = _lease_of(known)
            known.user, known.principal = user, _principal(known.issuer, known.identity, user, lease)
        return known.principal

    def keep(
        self, digest: bytes, token: str, issuer: Issuer, identity: TokenIdentity, user: User
    ) -> Principal:
        """Remember a token that was verified now, and return its principal."""
        asked = issuer.key_source is KeySource.INTROSPECTION
        lease = self._lease(digest, identity, user) if asked else None
        principal = _principal(issuer, identity, user, lease)
        self._known[digest] = Known(
            issuer, identity, self._clock.monotonic(), user, principal, token if asked else None
        )
        self._known.move_to_end(digest)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return principal

    def presenting(self, principal: Principal, digest: bytes, token: str) -> Principal:
        """Return the principal with the token itself, unless that is one of this server."""
        known = self._known.get(digest)
        if known is None or principal.token is None or known.identity.by_assertion:
            return principal
        subject = SubjectToken(token, digest.hex(), known.identity.subject)
        return replace(principal, token=replace(principal.token, subject_token=subject))

    def clients(self) -> tuple[Principal, ...]:
        """Return the principals of all tokens that have not ended; of each client the newest."""
        now = self._clock.now()
        found: dict[str, Principal] = {}
        for known in self._known.values():
            if known.identity.expires_at + SKEW > now:
                user = self._reading.user_of(known.issuer, known.identity)
                if not isinstance(user, TokenFault):
                    principal = _principal(known.issuer, known.identity, user)
                    found[principal.key_id] = principal
        return tuple(found.values())

    def end(self, digest: bytes) -> None:
        """Forget a token that is not good any more; calls and streams that go on with it end."""
        known = self._known.pop(digest, None)
        lease = None if known is None else _lease_of(known)
        if lease is not None:
            lease.until = self._clock.now()

    def due(self, principals: Iterable[Principal]) -> list[tuple[bytes, Known]]:
        """Return those tokens of the principals about which their issuers have to be asked again now."""
        latest = self._clock.now() + ASKED_BEFORE
        leases = {each.token.lease for each in principals if each.token is not None}
        ending = {lease for lease in leases if lease is not None and lease.until <= latest}
        if not ending:
            return []
        return [(digest, known) for digest, known in self._known.items() if _lease_of(known) in ending]

    def _is_fresh(self, known: Known) -> bool:
        issuers = self._policy.snapshot.issuers
        issuer = None if issuers is None else issuers.by_id.get(known.issuer.issuer_id)
        if issuer is not known.issuer and issuer != known.issuer:
            return False
        if self._clock.monotonic() - known.verified_at > KNOWN_SECONDS:
            return False
        lease, now = _lease_of(known), self._clock.now()
        return known.identity.expires_at + SKEW > now and (lease is None or lease.until > now)

    def _lease(self, digest: bytes, identity: TokenIdentity, user: User) -> TokenLease:
        """Prolong what calls with this token go on by; they end if it now means less, or another user."""
        now = self._clock.now()
        until = min(now + timedelta(seconds=KNOWN_SECONDS), identity.expires_at)
        before = self._known.get(digest)
        lease = None if before is None else _lease_of(before)
        if before is None or lease is None:
            return TokenLease(until)
        if before.user.user_id != user.user_id or not {*before.identity.groups} <= {*identity.groups}:
            lease.until = now
            return TokenLease(until)
        lease.until = until
        return lease


def _lease_of(known: Known) -> TokenLease | None:
    return None if known.principal.token is None else known.principal.token.lease


def _principal(
    issuer: Issuer, identity: TokenIdentity, user: User, lease: TokenLease | None = None
) -> Principal:
    return token_principal(
        issuer,
        user,
        expires_at=identity.expires_at,
        groups=identity.groups,
        client=identity.client,
        lease=lease,
        by_assertion=identity.by_assertion,
    )
