"""Exchanges identity assertions (ID-JAG) for access tokens of this server (RFC 7523)."""

import hmac
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.resources import issuer_resource
from ambassador_server.domain.people.client_assertions import (
    ClientAssertion,
    read_client_assertion,
)
from ambassador_server.domain.people.identity_assertions import (
    Asserted,
    AssertionFault,
    read_assertion,
)
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.people.token_claims import SKEW, TokenFault
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import User
from ambassador_server.domain.secrets.shared_secrets import is_key, secret_fault
from ambassador_server.errors import (
    AmbassadorError,
    NotFoundError,
    StoppedError,
    TokenRequestError,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.references import ResolveReference
from ambassador_server.ports.throttle import Throttle
from ambassador_server.ports.token_verifier import Refusal, TokenVerifier
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.sign_in.issued_tokens import LIFE, IssuedTokens
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.login_throttle import count_wrong_token
from ambassador_server.services.sign_in.refusals import record_refusal
from ambassador_server.services.sign_in.single_use import SingleUse
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_reading import TokenReading

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class AssertionRequest(Struct, frozen=True, kw_only=True):
    """A request for a token, with the authentication of the client; `resource` and `scope` narrow what is asked for.

    A client authenticates itself with its secret, or with an assertion of its own that it has signed with its key.
    """

    client_id: str
    client_secret: str | None
    client_assertion: str | None = None
    assertion: str
    resource: str | None = None
    scope: str | None = None


class GrantedToken(Struct, frozen=True, kw_only=True):
    """A new token."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class AssertionGrant:
    """The token endpoint; `identifier` is this server as an authorization server, None without a public URL."""

    identifier: str | None
    token_endpoint: str
    resource: str
    policy: PolicyKeeper
    verifier: TokenVerifier
    reading: TokenReading
    accounts: TokenAccounts
    issued: IssuedTokens
    keys: KeyProver
    resolve: ResolveReference
    recorder: Recorder
    throttle: Throttle
    clock: Clock
    uses: SingleUse

    def server(self) -> str | None:
        """Return the identifier of this server as an authorization server; None while no client may ask for tokens."""
        issuers = self.policy.snapshot.issuers
        known = () if issuers is None else issuers.by_id.values()
        return self.identifier if any(issuer.assertion_clients for issuer in known) else None

    async def exchange(self, request: AssertionRequest, origin: Origin) -> GrantedToken:
        """Return a token for an assertion, which can be used once.

        Raises TokenRequestError, RateLimitedError if a client asks too often for a user, and NotFoundError while no
        client may ask.
        """
        server = self.server()
        if server is None:
            raise NotFoundError("This server gives no access tokens")
        trusting = await self._authenticate(request, server)
        if not trusting:
            raise await self._refused("invalid_client", "client", None, origin)
        issuer = self._issuer(request.assertion, trusting)
        if isinstance(issuer, Refusal):
            raise await self._refused("invalid_grant", issuer.fault, None, origin)
        claims = await self.verifier.verify_assertion(request.assertion, issuer)
        if isinstance(claims, Refusal):
            raise await self._refused("invalid_grant", claims.fault, issuer, origin)
        asserted = read_assertion(
            claims,
            issuer,
            self.clock.now(),
            server=server,
            resource=self.resource,
            client_id=request.client_id,
        )
        if not isinstance(asserted, Asserted):
            raise await self._refused("invalid_grant", asserted, issuer, origin)
        scopes = await self._scopes(request, asserted, issuer, origin)
        return await self._grant(asserted, issuer, scopes, origin)

    async def _authenticate(self, request: AssertionRequest, server: str) -> list[Issuer]:
        """Return the issuers that know the client by this secret or key; an assertion of the client serves once."""
        issuers = self.policy.snapshot.issuers
        found, used = [], None
        for issuer in () if issuers is None else issuers.by_id.values():
            reference = issuer.assertion_clients.get(request.client_id)
            if reference is None:
                continue
            try:
                kept = await self.resolve(reference)
            except AmbassadorError:
                continue
            if is_key(kept):
                signed = self._signed(request, kept, server)
                if signed is not None:
                    used = signed
                    found.append(issuer)
            elif _is_secret(kept, request.client_secret):
                found.append(issuer)
        if used is not None and not await self.uses.take(used.assertion_id, used.expires_at):
            return []
        return found

    def _signed(self, request: AssertionRequest, key: str, server: str) -> ClientAssertion | None:
        if request.client_assertion is None:
            return None
        claims = self.verifier.verify_client(request.client_assertion, key)
        if claims is None:
            return None
        return read_client_assertion(
            claims, request.client_id, self.clock.now(), (server, self.token_endpoint)
        )

    def _issuer(self, assertion: str, trusting: list[Issuer]) -> Issuer | Refusal:
        named = self.verifier.asserting_issuer(assertion)
        if isinstance(named, Refusal):
            return named
        found = (issuer for issuer in trusting if issuer.url == named)
        return next(found, Refusal(TokenFault.UNKNOWN_ISSUER))

    async def _scopes(
        self, request: AssertionRequest, asserted: Asserted, issuer: Issuer, origin: Origin
    ) -> tuple[str, ...]:
        if request.resource not in (None, self.resource):
            raise await self._refused("invalid_target", AssertionFault.FOREIGN_RESOURCE, issuer, origin)
        wanted = asserted.scopes if request.scope is None else tuple(request.scope.split())
        if not {*issuer.scopes} <= {*wanted} <= {*asserted.scopes}:
            raise await self._refused("invalid_scope", TokenFault.TOO_FEW_SCOPES, issuer, origin)
        return wanted

    async def _grant(
        self, asserted: Asserted, issuer: Issuer, scopes: tuple[str, ...], origin: Origin
    ) -> GrantedToken:
        identity = asserted.identity
        user = await self._user(asserted, issuer, origin)
        principal = token_principal(issuer, user, expires_at=identity.expires_at, client=identity.client)
        try:
            await self.keys.refuse_stopped(principal, origin)
        except StoppedError as error:
            raise TokenRequestError("invalid_grant", error.message) from None
        await self.keys.refuse_fast(principal, origin)
        if not await self.uses.take(asserted.assertion_id, identity.expires_at + SKEW):
            raise await self._refused("invalid_grant", AssertionFault.USED_BEFORE, issuer, origin)
        await self.recorder.event(
            AuditAction.ASSERTION_ACCEPT,
            Outcome.SUCCEEDED,
            actor=user_actor(principal),
            resource=issuer_resource(issuer),
            origin=origin,
            details={"client": identity.client, "subject": identity.subject, "groups": len(identity.groups)},
        )
        return GrantedToken(
            access_token=self.issued.issue(identity), expires_in=int(LIFE.total_seconds()), scopes=scopes
        )

    async def _user(self, asserted: Asserted, issuer: Issuer, origin: Origin) -> User:
        user = self.reading.user_of(issuer, asserted.identity)
        if user is TokenFault.UNKNOWN_USER and issuer.creates_users:
            await self.accounts.create(issuer, asserted.identity, origin)
            user = self.reading.user_of(issuer, asserted.identity)
        if isinstance(user, TokenFault):
            raise await self._refused("invalid_grant", user, issuer, origin, asserted.identity.user_name)
        return user

    async def _refused(
        self, code: str, fault: str, issuer: Issuer | None, origin: Origin, user_name: str | None = None
    ) -> TokenRequestError:
        """Record a refusal, unless the address was refused too often, and return the error to raise."""
        if count_wrong_token(self.throttle, origin):
            await record_refusal(
                self.recorder,
                AuditAction.ASSERTION_REFUSE,
                issuer,
                reason=fault,
                origin=origin,
                user_name=user_name,
            )
        if fault == TokenFault.KEYS_UNAVAILABLE:
            return TokenRequestError("temporarily_unavailable", "The keys of the issuer cannot be fetched.")
        if issuer is None:
            return TokenRequestError(code, "The client or its assertion is not accepted.")
        return TokenRequestError(code, f"The assertion is not accepted ({fault}).")


def _is_secret(kept: str, given: str | None) -> bool:
    return (
        given is not None
        and secret_fault(kept) is None
        and hmac.compare_digest(kept.encode(), given.encode(errors="replace"))
    )
