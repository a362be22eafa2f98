"""Authenticates users by client certificates: the authorities among the issuers say whom their certificates name."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.administrators import Administrator
from ambassador_server.domain.people.certificate_identity import read_names
from ambassador_server.domain.people.certificates import PeerCertificate
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import User
from ambassador_server.errors import Advice, InvalidTokenError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.login_throttle import count_wrong_token
from ambassador_server.services.sign_in.refusals import record_refusal
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_reading import TokenReading

MOST_KNOWN: Final = 10_000
_SCHEME: Final = "sha256:"


class _Known(Struct):
    """A certificate whose names were read, by the rules of its authority as they were then."""

    authority: Issuer
    identity: TokenIdentity
    user: User
    principal: Principal


class CertificateProver:
    """Finds the users of verified certificates; that they are verified is the business of the listener."""

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
        self._known: OrderedDict[tuple[bytes, ...], _Known] = OrderedDict()

    async def authenticate(self, peer: PeerCertificate, origin: Origin) -> Principal:
        """Return the principal of a certificate that stands alone. Raises InvalidTokenError."""
        known = await self._find(peer, origin)
        if known is None:
            raise await self._refused(TokenFault.UNKNOWN_ISSUER, None, origin)
        if known.authority.beside_key:
            raise await self._refused(TokenFault.NEEDS_KEY, known.authority, origin, known.user.name)
        return known.principal

    async def administrator(self, peer: PeerCertificate, origin: Origin) -> Administrator:
        """Return the administrator of a certificate that stands alone, with the roles that the user has now.

        Raises InvalidTokenError.
        """
        principal, user = await self.authenticate(peer, origin), self._known[peer.chain].user
        return Administrator(
            admin_key_id=principal.key_id,
            name=user.name,
            roles=user.roles,
            expires_at=peer.expires_at,
            user_id=user.user_id,
            is_certified=True,
        )

    async def check_beside(self, peer: PeerCertificate, user_id: str | None, origin: Origin) -> None:
        """Raise InvalidTokenError if a certificate is not of the user whose key stands beside it.

        A certificate of an authority that names no users proves only that its holder may connect. `user_id` is None for
        a key that belongs to no user.
        """
        known = await self._find(peer, origin)
        if known is not None and user_id is not None and known.user.user_id != user_id:
            raise await self._refused(TokenFault.OTHER_USER, known.authority, origin, known.user.name)

    async def _find(self, peer: PeerCertificate, origin: Origin) -> _Known | None:
        """Return what is known of a certificate; None if no authority above it is among the issuers."""
        authority = self._authority_of(peer)
        if authority is None:
            return None
        known = self._known.get(peer.chain)
        if known is not None and self._is_still_good(known, authority, peer):
            return known
        return await self._read(peer, authority, origin)

    def _authority_of(self, peer: PeerCertificate) -> Issuer | None:
        """Return the nearest authority above a certificate that is among the issuers."""
        issuers = self._policy.snapshot.issuers
        if issuers is None:
            return None
        found = (issuers.by_url.get(f"{_SCHEME}{each}") for each in peer.authorities)
        return next((each for each in found if each is not None), None)

    def _is_still_good(self, known: _Known, authority: Issuer, peer: PeerCertificate) -> bool:
        if known.authority is not authority or peer.expires_at <= self._clock.now():
            return False
        return self._reading.user_of(authority, known.identity) is known.user

    async def _read(self, peer: PeerCertificate, authority: Issuer, origin: Origin) -> _Known:
        identity = read_names(peer, authority, self._clock.now())
        if isinstance(identity, TokenFault):
            raise await self._refused(identity, authority, origin)
        user = self._reading.user_of(authority, identity)
        if user is TokenFault.UNKNOWN_USER and authority.creates_users:
            await self._accounts.create(authority, identity, origin)
            user = self._reading.user_of(authority, identity)
        if isinstance(user, TokenFault):
            raise await self._refused(user, authority, origin, identity.user_name)
        known = _Known(
            authority,
            identity,
            user,
            token_principal(
                authority,
                user,
                expires_at=identity.expires_at,
                groups=identity.groups,
                client="certificate",
                serial=peer.serial,
            ),
        )
        if peer.chain not in self._known:
            await self._record(known, peer, origin)
        self._known[peer.chain] = known
        self._known.move_to_end(peer.chain)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known

    async def _record(self, known: _Known, peer: PeerCertificate, origin: Origin) -> None:
        await self._recorder.event(
            AuditAction.TOKEN_ACCEPT,
            Outcome.SUCCEEDED,
            actor=user_actor(known.principal),
            resource=issuer_resource(known.authority),
            origin=origin,
            details={
                "client": f"certificate {peer.serial}",
                "subject": known.identity.subject,
                "groups": len(known.identity.groups),
                "groups_unknown": known.identity.groups_unknown,
                "expires_at": peer.expires_at.isoformat(),
            },
        )

    async def _refused(
        self, fault: TokenFault, authority: Issuer | None, origin: Origin, user_name: str | None = None
    ) -> InvalidTokenError:
        """Record a refusal, unless the address was refused too often, and return the error to raise."""
        if count_wrong_token(self._throttle, origin):
            await record_refusal(
                self._recorder,
                AuditAction.TOKEN_REFUSE,
                authority,
                reason=fault,
                origin=origin,
                user_name=user_name,
            )
        advice = Advice.ADD_KEY if fault is TokenFault.NEEDS_KEY else Advice.ASK_FOR_CERTIFICATE
        return InvalidTokenError(f"The client certificate is not accepted ({fault})", advice=advice)
