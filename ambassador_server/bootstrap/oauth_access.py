"""Builds what accesses MCPs by OAuth."""

from dataclasses import dataclass
from functools import cached_property

from yarl import URL

from ambassador_protocol.paths import CLIENT_METADATA, OAUTH_CALLBACK
from ambassador_protocol.server_urls import is_loopback
from ambassador_server.config import ServerConfig
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.ports.authorization import ClientDescription
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.ports.vault import Vault
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.asserted_tokens import AssertedTokens
from ambassador_server.services.credentials.assertion_exchange import AssertionExchange
from ambassador_server.services.credentials.connected_users import ConnectedUsers
from ambassador_server.services.credentials.oauth_flow import CLIENT_NAME, NO_BROWSER, Connecting
from ambassador_server.services.credentials.oauth_grants import GrantVault
from ambassador_server.services.credentials.oauth_tokens import OAuthTokens
from ambassador_server.services.credentials.own_credentials import OwnCredentials, OwnRights
from ambassador_server.services.credentials.pending_connections import (
    MOST_BEGUN_PER_MINUTE,
    PendingConnections,
)
from ambassador_server.services.credentials.registered_clients import ClientRegistrations
from ambassador_server.services.credentials.service_tokens import ServiceTokens
from ambassador_server.services.credentials.use_cases import UserCredentialUseCases
from ambassador_server.throttling.key_rates import KeyRate


@dataclass(frozen=True, kw_only=True)
class OAuthAccess:
    """The services of access by OAuth, which share a client, and registrations."""

    config: ServerConfig
    store: Store
    vault: Vault
    changes: Changes
    recorder: Recorder
    clock: Clock

    @cached_property
    def tokens(self) -> OAuthTokens:
        """Return the tokens of users and service accounts."""
        return OAuthTokens(
            store=self.store,
            changes=self.changes,
            vault=self._grants,
            client=self._client,
            registrations=self._registrations,
            service=ServiceTokens(
                client=self._client,
                registrations=self._registrations,
                description=self._description or NO_BROWSER,
                clock=self.clock,
            ),
            recorder=self.recorder,
            clock=self.clock,
        )

    def asserted(self, policy: PolicyKeeper) -> AssertedTokens:
        """Return the tokens that providers grant for those of requests."""
        exchange = AssertionExchange(
            client=self._client, description=NO_BROWSER, monotonic=self.clock.monotonic
        )
        return AssertedTokens(
            policy=policy, exchange=exchange, client=self._client, recorder=self.recorder, clock=self.clock
        )

    @cached_property
    def pending(self) -> PendingConnections:
        """Return the connections that users have begun."""
        return PendingConnections(
            store=self.store,
            vault=self._grants,
            client=self._client,
            recorder=self.recorder,
            clock=self.clock,
            rate=KeyRate(MOST_BEGUN_PER_MINUTE, self.clock.monotonic),
        )

    def for_users(self, own: OwnCredentials, rights: OwnRights) -> UserCredentialUseCases:
        """Return what users do with their own credentials."""
        users = ConnectedUsers(
            store=self.store,
            changes=self.changes,
            recorder=self.recorder,
            own=own,
            rights=rights,
            pending=self.pending,
            vault=self.vault,
            clock=self.clock,
        )
        connecting = Connecting(
            store=self.store,
            pending=self.pending,
            registrations=self._registrations,
            users=users,
            vault=self._grants,
            client=self._client,
            clock=self.clock,
            description=self._description,
        )
        return UserCredentialUseCases(own=own, connected=users, connecting=connecting)

    @cached_property
    def _client(self) -> DownstreamOAuthClient:
        return DownstreamOAuthClient(GuardedHttp(), self.clock)

    @cached_property
    def _grants(self) -> GrantVault:
        return GrantVault(self.vault)

    @cached_property
    def _registrations(self) -> ClientRegistrations:
        return ClientRegistrations(
            store=self.store,
            vault=self._grants,
            client=self._client,
            recorder=self.recorder,
            clock=self.clock,
        )

    @cached_property
    def _description(self) -> ClientDescription | None:
        """Return this server as a client; its URLs come from the configuration alone, never from a request."""
        if self.config.public_url is None:
            return None
        base = self.config.public_url.rstrip("/")
        url = URL(base)
        is_reachable = url.scheme == "https" and not is_loopback(url.host or "")
        return ClientDescription(
            name=CLIENT_NAME,
            redirect_uri=f"{base}{OAUTH_CALLBACK}",
            document_url=f"{base}{CLIENT_METADATA}" if is_reachable else None,
        )
