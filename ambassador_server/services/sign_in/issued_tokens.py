"""Access tokens of this server, which clients get for identity assertions; every server opens those of another."""

from datetime import timedelta
from typing import Final

import msgspec

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault, TokenIdentity
from ambassador_server.domain.secrets.tokens import ACCESS_TOKEN_PREFIX
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.sealing import Sealer
from ambassador_server.ports.token_verifier import Refusal
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

LIFE: Final = timedelta(minutes=15)
"""There is no refresh token: the client gets a new assertion, if its issuer still gives it one."""
_CONTEXT: Final = b"access token for an identity assertion"


class IssuedTokens:
    """Seals what an assertion has said into a token, so that no server has to store it."""

    def __init__(self, *, policy: PolicyKeeper, sealer: Sealer, clock: Clock) -> None:
        self._policy = policy
        self._sealer = sealer
        self._clock = clock
        self._decoder = msgspec.json.Decoder(TokenIdentity)

    def issue(self, identity: TokenIdentity) -> str:
        """Return a new token for whom an assertion names."""
        ends = msgspec.structs.replace(identity, expires_at=self._clock.now() + LIFE)
        return ACCESS_TOKEN_PREFIX + self._sealer.seal(msgspec.json.encode(ends), _CONTEXT)

    def read(self, token: str) -> tuple[Issuer, TokenIdentity] | Refusal:
        """Return whom a token names; it is refused once its issuer, or its client there, is not trusted any more."""
        content = self._sealer.open(token.removeprefix(ACCESS_TOKEN_PREFIX), _CONTEXT)
        if content is None:
            return Refusal(TokenFault.MALFORMED)
        identity = self._decoder.decode(content)
        issuers = self._policy.snapshot.issuers
        issuer = None if issuers is None else issuers.by_id.get(identity.issuer_id)
        if issuer is None or identity.client not in issuer.assertion_clients:
            return Refusal(TokenFault.UNKNOWN_ISSUER)
        if identity.expires_at <= self._clock.now():
            return Refusal(TokenFault.EXPIRED)
        return issuer, msgspec.structs.replace(identity, by_assertion=True)
