"""An authorization server that ends a grant when a refresh token is used twice, as an OAuth client in memory."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

from ambassador_server.domain.catalog.credential_needs import OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.downstream.authorization import challenges
from ambassador_server.errors import AuthorizationServerUnavailableError, GrantDeadError
from ambassador_server.ports.authorization import (
    Challenge,
    Registration,
    RegistrationKind,
    ServerMetadata,
    Tokens,
)
from ambassador_server.services.credentials.oauth_grants import Grant, url_of
from tests.fakes.clock import ManualClock

METADATA = ServerMetadata(
    issuer="https://login.example",
    token_endpoint="https://login.example/token",
    revocation_endpoint="https://login.example/revoke",
)
REGISTRATION = Registration(kind=RegistrationKind.DYNAMIC, issuer=METADATA.issuer, client_id="c1")


@dataclass
class RotatingServer:
    """Implements the part of `OAuthClient` that refreshes; each grant is a family of tokens."""

    clock: ManualClock
    lifetime: float = 300.0
    turns: int = 2
    current: dict[str, str] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    ends: dict[str, float] = field(default_factory=dict)
    refreshes: int = 0
    running: int = 0
    most_running: int = 0
    failures: list[Exception] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def issue(self, family: str) -> Tokens:
        """Return the next tokens of a family."""
        self.refreshes += 1
        refresh, access = f"{family}:r{self.refreshes}", f"{family}:a{self.refreshes}"
        self.current[family] = refresh
        self.ends[access] = self.clock.monotonic() + self.lifetime
        return Tokens(
            access_token=access,
            refresh_token=refresh,
            expires_at=self.clock.now() + timedelta(seconds=self.lifetime),
            scopes=("read",),
        )

    def grant(self, family: str, mcp: Mcp) -> Grant:
        """Return a new grant."""
        return Grant(
            url=url_of(mcp),
            server=METADATA,
            registration=REGISTRATION,
            tokens=self.issue(family),
            obtained_at=self.clock.now(),
            requested=("read",),
        )

    def accepts(self, token: str) -> bool:
        """Tell whether an MCP accepts a token now."""
        return token.split(":", maxsplit=1)[0] not in self.dead and self.clock.monotonic() < self.ends.get(
            token, 0
        )

    async def refresh(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> Tokens:
        """Rotate; a refresh token that was used before ends the family."""
        family = (tokens.refresh_token or "").split(":")[0]
        self.running += 1
        self.started.set()
        self.most_running = max(self.most_running, self.running)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            if self.failures:
                raise self.failures.pop(0)
            if family in self.dead or tokens.refresh_token != self.current.get(family):
                self.dead.add(family)
                raise GrantDeadError("The refresh token was used twice.")
            return replace(self.issue(family))
        finally:
            self.running -= 1

    async def revoke(self, server: ServerMetadata, registration: Registration, tokens: Tokens) -> bool:
        """Note what is revoked."""
        self.revoked.append(tokens.access_token)
        return True

    async def service_tokens(
        self, server: ServerMetadata, registration: Registration, *, scopes: tuple[str, ...]
    ) -> Tokens:
        """Issue tokens to the service account."""
        if self.failures:
            raise self.failures.pop(0)
        return replace(self.issue("service"), refresh_token=None)

    async def discover(self, url: str, needs: OAuthNeeds) -> ServerMetadata:
        """Return the only server."""
        return METADATA

    async def register(self, server: ServerMetadata, needs: OAuthNeeds, description: object) -> Registration:
        """Return the only client."""
        return replace(REGISTRATION, kind=RegistrationKind.DECLARED)

    def scopes_to_request(self, server: ServerMetadata, needs: OAuthNeeds) -> tuple[str, ...]:
        """Return the only scope."""
        return ("read",)

    def read_challenge(self, header: str) -> Challenge | None:
        """Read as the product does."""
        return challenges.read_challenge(header)

    def check_challenge(self, challenge: Challenge, requested: tuple[str, ...]) -> None:
        """Check as the product does."""
        challenges.check_challenge(challenge, requested)


UNAVAILABLE = AuthorizationServerUnavailableError("The authorization server does not answer.")
