"""Servers over one store that connect users to an MCP behind a fake authorization server, without browser or routes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from yarl import URL

from ambassador_server.crypto.vault import AesGcmVault
from ambassador_server.domain.audit.actors import Requester, user_actor
from ambassador_server.domain.catalog.credential_needs import CredentialNeeds, OAuthNeeds
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.downstream.authorization.oauth_client import DownstreamOAuthClient
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.ports.authorization import ClientDescription, OAuthClient
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.credentials.connected_users import ConnectedUsers
from ambassador_server.services.credentials.lending import CredentialLending
from ambassador_server.services.credentials.oauth_flow import BegunConnection, Connecting, Consented
from ambassador_server.services.credentials.oauth_grants import Grant, GrantVault
from ambassador_server.services.credentials.oauth_tokens import OAuthTokens
from ambassador_server.services.credentials.own_credentials import OwnCredentials
from ambassador_server.services.credentials.pending_connections import (
    MOST_BEGUN_PER_MINUTE,
    PendingConnections,
)
from ambassador_server.services.credentials.registered_clients import ClientRegistrations
from ambassador_server.services.credentials.service_tokens import ServiceTokens
from ambassador_server.throttling.key_rates import KeyRate
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore
from tests.server.services.world import ORIGIN
from tests.server.worlds import MCP, USER

ALICE = Principal(user_id="u1", user_name="user-1", key_id="k1", key_name="laptop", session_id=None)
BOB = Principal(user_id="u2", user_name="user-2", key_id="k2", key_name="laptop", session_id=None)
US = ClientDescription(name="MCP Ambassador", redirect_uri="https://us.example/oauth/callback")
NAME = "mail"


def oauth_mcp(url: str, **needs: Any) -> Mcp:
    """Return an MCP at this address that users connect to."""
    return replace(
        MCP,
        name=NAME,
        transport="streamable_http",
        options={"url": url},
        credentials=CredentialNeeds(oauth=OAuthNeeds(private_addresses=True, **needs)),
    )


@dataclass
class Rights:
    """Grants all MCPs to all users."""

    policy: PolicyKeeper
    granted: bool = True

    def granted_mcps(self, principal: Principal) -> list[Mcp]:
        return list(self.policy.snapshot.mcps.values()) if self.granted else []

    async def requester(self, principal: Principal, origin: Origin) -> Requester:
        return Requester(None, origin, user_actor(principal))


@dataclass(kw_only=True)
class ConnectServer:
    """One server with its own memory."""

    policy: PolicyKeeper
    rights: Rights
    connecting: Connecting
    users: ConnectedUsers
    pending: PendingConnections
    registrations: ClientRegistrations
    tokens: OAuthTokens
    lending: CredentialLending

    async def consent(self, begun: BegunConnection) -> Consented:
        """Open the link of a user in a browser, consent, and come back."""
        parameters, cookies = await self.go(begun)
        return await self.connecting.callback(parameters, cookies)

    async def go(self, begun: BegunConnection) -> tuple[dict[str, str], dict[str, str]]:
        """Open the link in a browser and consent; return the callback's parameters and the cookies."""
        opened = await self.connecting.open(begun.ticket)
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(URL(opened.location, encoded=True), allow_redirects=False) as page,
        ):
            assert page.status == 302, await page.text()
            parameters = dict(URL(page.headers["Location"]).query)
        return parameters, {opened.cookie_name: opened.cookie}

    async def connect(self, principal: Principal = ALICE) -> UserCredential:
        """Connect a user from the beginning to the end."""
        begun = await self.connecting.begin(principal, ORIGIN, NAME)
        consented = await self.consent(begun)
        own = await self.connecting.finish(principal, ORIGIN, NAME, begun.ticket, consented.code)
        assert not isinstance(own, tuple)
        given = getattr(own, "given", None)
        assert isinstance(given, UserCredential)
        return given


class ConnectWorld:
    """What the servers share."""

    def __init__(self, client: OAuthClient | None = None) -> None:
        self.clock = ManualClock()
        self.store = InMemoryStore()
        self.log = FakeAuditLog()
        self.keys = {1: b"k" * 32}
        self.vault = AesGcmVault(lambda: self.keys)
        self.grants = GrantVault(self.vault)
        self.client = client or DownstreamOAuthClient(GuardedHttp(), self.clock)

    async def setup(self, *mcps: Mcp, users: int = 2) -> ConnectServer:
        """Store users and MCPs, and return a first server."""
        async with self.store.write() as work:
            for number in range(1, users + 1):
                await work.users.add(replace(USER, user_id=f"u{number}", name=f"user-{number}"))
            for mcp in mcps:
                await work.mcps.add(mcp)
        return await self.server()

    async def server(self, *, most: int = 10_000) -> ConnectServer:
        """Return another server over the same store."""
        store, clock, client = self.store, self.clock, self.client
        policy, recorder = PolicyKeeper(store=store, clock=clock), Recorder(log=self.log, clock=clock)
        await policy.refresh()
        changes = Changes(store=store, policy=policy, recorder=recorder)
        rights = Rights(policy)
        own = OwnCredentials(policy=policy, changes=changes, vault=self.vault, rights=rights, clock=clock)
        rate = KeyRate(MOST_BEGUN_PER_MINUTE, clock.monotonic)
        pending = PendingConnections(
            store=store,
            vault=self.grants,
            client=client,
            recorder=recorder,
            clock=clock,
            rate=rate,
            most=most,
        )
        registrations = ClientRegistrations(
            store=store, vault=self.grants, client=client, recorder=recorder, clock=clock
        )
        users = ConnectedUsers(
            store=store,
            changes=changes,
            recorder=recorder,
            own=own,
            rights=rights,
            pending=pending,
            vault=self.vault,
            clock=clock,
        )
        tokens = OAuthTokens(
            store=store,
            changes=changes,
            vault=self.grants,
            client=client,
            registrations=registrations,
            service=ServiceTokens(client=client, registrations=registrations, description=US, clock=clock),
            recorder=recorder,
            clock=clock,
        )
        return ConnectServer(
            policy=policy,
            rights=rights,
            connecting=Connecting(
                store=store,
                pending=pending,
                registrations=registrations,
                users=users,
                vault=self.grants,
                client=client,
                clock=clock,
                description=US,
            ),
            users=users,
            pending=pending,
            registrations=registrations,
            tokens=tokens,
            lending=CredentialLending(
                store=store,
                policy=policy,
                vault=self.vault,
                clock=clock,
                resolve=_resolve,
                tokens=tokens,
            ),
        )

    async def grant_of(self, given: UserCredential) -> Grant:
        """Return the grant as it is stored."""
        async with self.store.read() as work:
            stored = await work.secrets.get(given.credential_id, "oauth")
        assert stored
        grant = self.grants.open(stored.key_number, stored.sealed, given.user_id, given.mcp_id)
        assert isinstance(grant, Grant)
        return grant

    def actions(self) -> Sequence[tuple[str, str]]:
        """Return action and outcome of each event."""
        return [(each.action.value, each.outcome.value) for each in self.log.events]


async def _resolve(reference: str) -> str:
    return f"value of {reference}"
