"""Authenticates users by the identity headers of a trusted API gateway, which behaves like an issuer of tokens."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from msgspec import Struct

from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.domain.people.forwarded_certificates import (
    forwarded_chain,
    names_another_way,
)
from ambassador_server.domain.people.gateway_requests import (
    CERTIFICATE_HEADERS,
    USER_TOKEN,
    GatewayFault,
    Headers,
    SignedPart,
    SignedRequest,
    certificate_names,
    header_claims,
    headers_of,
    single_values,
)
from ambassador_server.domain.people.issuers import Issuer, gateway_url
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.errors import InvalidTokenError, OverloadedError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.gateway_signatures import GatewaySignatures
from ambassador_server.ports.throttle import Throttle
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.forwarded_certificates import ForwardedCertificates
from ambassador_server.services.sign_in.login_throttle import count_wrong_token
from ambassador_server.services.sign_in.token_proof import TokenProver

BELIEVED: Final = timedelta(hours=1)
"""How long what a request has begun goes on: the gateway is asked again by the next request alone."""


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """Which gateway is trusted: the names that its certificate may have; `signed_users` refuses plain headers."""

    name: str
    certificate_names: frozenset[str]
    signed_users: bool


class BelievedHeaders(Struct, frozen=True, kw_only=True):
    """Headers that a trusted gateway vouches for; `unsigned` are those of the request that its signature leaves out."""

    headers: Headers
    unsigned: Headers
    ends_at: float


class GatewayProver:
    """Tells which headers come from the gateway, and whom they name."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        signatures: GatewaySignatures | None,
        tokens: TokenProver,
        forwarded: ForwardedCertificates | None,
        policy: PolicyKeeper,
        recorder: Recorder,
        throttle: Throttle,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._signatures = signatures
        self._tokens = tokens
        self.forwarded = forwarded
        self._policy = policy
        self._recorder = recorder
        self._throttle = throttle
        self._clock = clock

    @property
    def takes_signatures(self) -> bool:
        """Tell whether the gateway shares a secret with this server."""
        return self._signatures is not None

    def use_secrets(self, secrets: Sequence[bytes]) -> None:
        """Verify signatures with these secrets from now on; signed requests stay those of a gateway without any."""
        if self._signatures is not None:
            self._signatures.use(secrets)

    async def certified(
        self, certificate: PeerCertificate | None, headers: Headers, origin: Origin
    ) -> BelievedHeaders:
        """Return the headers of a request that came with a verified certificate, which has to be the gateway's.

        Raises InvalidTokenError.
        """
        if certificate is None or self._settings.certificate_names.isdisjoint(certificate_names(certificate)):
            raise await self._refused(GatewayFault.CERTIFICATE_NOT_ALLOWED, origin)
        return self._believed(headers, ())

    async def signed(self, request: SignedRequest, origin: Origin) -> SignedPart:
        """Return what the signature of a request vouches for, before its body is read.

        Raises InvalidTokenError, and OverloadedError if no more signatures can be remembered.
        """
        if self._signatures is None:
            raise await self._refused(GatewayFault.SIGNATURE_WRONG, origin)
        part = self._signatures.check(request)
        if isinstance(part, GatewayFault):
            raise await self._refused(part, origin)
        return part

    async def complete(
        self, request: SignedRequest, part: SignedPart, body: bytes, origin: Origin
    ) -> BelievedHeaders:
        """Return the headers of a signed request if its body is the signed one. Raises InvalidTokenError."""
        if sha256(body).hexdigest() != part.body_digest:
            raise await self._refused(GatewayFault.BODY_DIFFERS, origin)
        signed = {name for name, _ in part.headers}
        unsigned = [each for each in request.headers if each[0].lower() not in signed]
        return self._believed(part.headers, unsigned)

    async def principal(self, believed: BelievedHeaders, origin: Origin) -> Principal:
        """Return the user whom the headers of the gateway name.

        Raises InvalidTokenError, whatever a client key or a token in the same request says.
        """
        if believed.ends_at <= self._clock.monotonic():
            raise InvalidTokenError("The gateway has to be asked again: send a new request")
        issuer = self._issuer()
        names = frozenset({USER_TOKEN}) if issuer is None else frozenset({USER_TOKEN, *headers_of(issuer)})
        if single_values(believed.unsigned, names | self._certificate_headers):
            raise await self._refused(GatewayFault.HEADER_NOT_SIGNED, origin)
        if self.forwarded is not None and self.has_certificate(believed.headers):
            return await self._by_certificate(self.forwarded, believed, names, origin)
        return await self._by_headers(issuer, believed, origin)

    def has_certificate(self, headers: Headers) -> bool:
        """Tell whether headers have a forwarded certificate, good or bad, which is looked at."""
        return self.forwarded is not None and bool(single_values(headers, CERTIFICATE_HEADERS))

    @property
    def _certificate_headers(self) -> frozenset[str]:
        return frozenset() if self.forwarded is None else CERTIFICATE_HEADERS

    async def _by_certificate(
        self,
        forwarded: ForwardedCertificates,
        believed: BelievedHeaders,
        names: frozenset[str],
        origin: Origin,
    ) -> Principal:
        """Return the user of the forwarded certificate, which no other header that names users may stand beside."""
        if names_another_way((*believed.headers, *believed.unsigned), names):
            raise await self._refused(GatewayFault.AMBIGUOUS_IDENTITY, origin)
        chain = forwarded_chain(believed.headers)
        if chain is None or isinstance(chain, GatewayFault):
            raise await self._refused(chain or GatewayFault.NO_IDENTITY, origin)
        found = await forwarded.principal(chain, origin)
        if isinstance(found, CertificateFault):
            raise await self._refused(found, origin)
        return found

    async def _by_headers(
        self, issuer: Issuer | None, believed: BelievedHeaders, origin: Origin
    ) -> Principal:
        """Return the user whom a token or plain headers name."""
        token = single_values(believed.headers, (USER_TOKEN,))
        if isinstance(token, GatewayFault):
            raise await self._refused(token, origin)
        if USER_TOKEN in token:
            # A wrong one is refused: plain headers beside it never take its place.
            return await self._tokens.authenticate(token[USER_TOKEN], origin)
        if self._settings.signed_users:
            raise await self._refused(GatewayFault.NO_SIGNED_USER, origin)
        if issuer is None:
            raise await self._refused(GatewayFault.NO_IDENTITY, origin)
        claims = header_claims(believed.headers, issuer)
        if isinstance(claims, GatewayFault):
            raise await self._refused(claims, origin)
        return await self._tokens.authenticate_claims(issuer, claims, BELIEVED, origin)

    def _believed(self, headers: Headers, unsigned: Headers) -> BelievedHeaders:
        ends_at = self._clock.monotonic() + BELIEVED.total_seconds()
        return BelievedHeaders(headers=headers, unsigned=unsigned, ends_at=ends_at)

    def _issuer(self) -> Issuer | None:
        issuers = self._policy.snapshot.issuers
        return None if issuers is None else issuers.by_url.get(gateway_url(self._settings.name))

    async def _refused(
        self, fault: GatewayFault | CertificateFault, origin: Origin
    ) -> InvalidTokenError | OverloadedError:
        """Record a refusal, unless the address was refused too often, and return the error to raise."""
        if count_wrong_token(self._throttle, origin):
            await self._recorder.event(
                AuditAction.GATEWAY_REFUSE,
                Outcome.DENIED,
                actor=Actor(kind=ActorKind.UNKNOWN),
                resource=Resource(kind="gateway", id=None, name=self._settings.name),
                origin=origin,
                reason=fault,
            )
        if fault is GatewayFault.SIGNATURES_FULL:
            return OverloadedError("No more signatures can be remembered. Try again in a minute.")
        return InvalidTokenError(f"The identity of the request is not accepted ({fault})")
