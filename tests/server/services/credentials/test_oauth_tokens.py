"""Tokens are refreshed once for all servers; no race, fault or refusal of an MCP costs a user the grant."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambassador_server.domain.catalog.credential_needs import CredentialNeeds, GrantType, OAuthNeeds
from ambassador_server.domain.people.credentials import CredentialStatus, StoredSecret, UserCredential
from ambassador_server.errors import (
    AuthorizationServerUnavailableError,
    DownstreamUnavailableError,
    StepUpNeededError,
    StorageError,
)
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause
from ambassador_server.services.credentials.oauth_tokens import RESERVED
from tests.fakes.clock import START, ManualClock
from tests.server.services.credentials.connect_world import ConnectServer, ConnectWorld, oauth_mcp
from tests.server.services.credentials.rotating_server import UNAVAILABLE, RotatingServer

MCP = oauth_mcp("https://mail.example/mcp")


class World(ConnectWorld):
    """Users that are connected already."""

    def __init__(self) -> None:
        super().__init__()
        self.provider = RotatingServer(self.clock)
        self.client = self.provider  # type: ignore[assignment] # only what refreshes is asked

    async def give(self, user_id: str = "u1") -> UserCredential:
        given = UserCredential(
            credential_id=f"{user_id}-m1",
            user_id=user_id,
            mcp_id="m1",
            fields=("oauth",),
            generation="g1",
            status=CredentialStatus.ACTIVE,
            created_at=START,
            updated_at=START,
            issuer="https://login.example",
        )
        grant = self.provider.grant(user_id, MCP)
        sealed = self.grants.seal(grant, user_id, "m1")
        async with self.store.write() as work:
            await work.credentials.add(given)
            await work.secrets.put(
                StoredSecret(
                    credential_id=given.credential_id,
                    field="oauth",
                    key_number=sealed.key_number,
                    sealed=sealed.content,
                    expires_at=grant.tokens.expires_at,
                )
            )
        return given


async def build(servers: int = 2) -> tuple[World, list[ConnectServer]]:
    world = World()
    await world.setup(MCP)
    await world.give()
    return world, [await world.server() for _ in range(servers)]


async def token(server: ConnectServer, user_id: str = "u1") -> str:
    found = await server.lending.for_(user_id, MCP)
    assert isinstance(found, Credential), found
    return found.headers["Authorization"].removeprefix("Bearer ")


async def test_token_is_cached_until_it_is_due_and_refreshed_ahead() -> None:
    world, (server, _) = await build()
    first = await token(server)
    world.clock.advance(239)
    assert await token(server) == first
    world.clock.advance(2)
    second = await token(server)
    assert second != first
    assert world.provider.accepts(first), "a request under way keeps a valid token"
    assert world.actions() == [("credential:token:refresh", "permitted")]
    found = await server.lending.for_("u1", MCP)
    assert isinstance(found, Credential)
    assert found.generation == "g1", "a refresh is no change by a person"


async def test_short_lived_token_is_not_refreshed_at_each_call() -> None:
    world, (server, _) = await build()
    world.provider.lifetime = 20
    world.clock.advance(241)
    await token(server)
    before = world.provider.refreshes
    for _ in range(14):
        world.clock.advance(1)
        await token(server)
    assert world.provider.refreshes == before
    world.clock.advance(2)
    await token(server)
    assert world.provider.refreshes == before + 1


async def test_token_that_ends_at_once_is_refreshed_once_a_second_at_most() -> None:
    """Some servers say 0 seconds and mean that a token does not end."""
    world, servers = await build()
    world.provider.lifetime = 0
    world.clock.advance(301)
    await token(servers[0])
    before = world.provider.refreshes
    for number in range(20):
        await token(servers[number % 2])
    assert world.provider.refreshes == before
    world.clock.advance(1)
    await token(servers[0])
    assert world.provider.refreshes == before + 1


async def test_a_thousand_calls_on_two_servers_refresh_once() -> None:
    world, servers = await build()
    world.provider.turns = 20
    world.clock.advance(301)
    before = world.provider.refreshes
    tokens = await asyncio.gather(*(token(servers[number % 2]) for number in range(1000)))
    assert len(set(tokens)) == 1
    assert world.provider.accepts(tokens[0])
    assert world.provider.refreshes == before + 1


_STEPS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 1), min_size=1, max_size=6),
        st.sampled_from([0.0, 30.0, 200.0, 241.0, 299.0, 301.0, 1000.0]),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_no_order_of_calls_faults_and_pauses_loses_the_grant(steps: list[Any]) -> None:
    """The provider ends the grant as soon as one refresh token is used twice."""
    asyncio.run(_play(steps))


async def _play(steps: list[Any]) -> None:
    world, servers = await build()
    for asking, seconds, failures, turns in steps:
        world.clock.advance(seconds)
        world.provider.turns = turns
        world.provider.failures = [UNAVAILABLE] * failures
        found = await asyncio.gather(*(token(servers[each]) for each in asking), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                assert isinstance(each, AuthorizationServerUnavailableError)
            else:
                assert world.provider.accepts(each)
        world.provider.failures.clear()
    assert world.provider.dead == set()
    assert world.provider.most_running <= 1
    world.clock.advance(301)
    assert world.provider.accepts(await token(servers[0]))


async def test_caller_that_hangs_up_does_not_stop_the_refresh() -> None:
    world, (server, other) = await build()
    world.provider.turns = 50
    world.clock.advance(301)
    call = asyncio.create_task(token(server))
    await world.provider.started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert world.provider.accepts(await token(other))
    assert world.provider.dead == set()


async def test_server_that_dies_in_a_refresh_holds_the_others_up_for_half_a_minute_at_most() -> None:
    world, (server, _) = await build()
    async with world.store.write() as work:
        now = world.clock.now()
        assert await work.secrets.lock("u1-m1", "oauth", now=now, until=now + RESERVED)
    world.clock.advance(241)
    assert world.provider.accepts(await token(server)), "the reservation is over by now"
    async with world.store.write() as work:
        now = world.clock.now() + timedelta(seconds=290)
        assert await work.secrets.lock("u1-m1", "oauth", now=now, until=now + RESERVED)
    world.clock.advance(250)
    valid = await token(server)
    assert world.provider.accepts(valid), "a valid token is lent while another server refreshes"


async def test_dead_grant_asks_for_another_connection() -> None:
    world, (server, other) = await build()
    world.provider.dead.add("u1")
    world.clock.advance(301)
    found = await server.lending.for_("u1", MCP)
    assert found == Missing(because=MissingBecause.DEAD, needs_connect=True)
    refreshes = world.provider.refreshes
    assert await server.lending.for_("u1", MCP) == found
    await other.policy.refresh()
    assert await other.lending.for_("u1", MCP) == found
    assert world.provider.refreshes == refreshes
    assert world.actions()[-1] == ("credential:token:refresh", "failed")
    assert world.log.events[-1].reason == "grant_dead"
    async with world.store.read() as work:
        given = await work.credentials.get("u1-m1")
    assert given
    assert given.status is CredentialStatus.DEAD


async def test_unreachable_provider_leaves_the_grant_as_it_is() -> None:
    world, (server, _) = await build()
    first = await token(server)
    world.clock.advance(241)
    world.provider.failures = [UNAVAILABLE]
    assert await token(server) == first, "it is still valid"
    world.clock.advance(60)
    world.provider.failures = [UNAVAILABLE]
    with pytest.raises(DownstreamUnavailableError):
        await token(server)
    assert world.provider.accepts(await token(server))


async def test_database_that_fails_after_the_exchange_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world, (server, other) = await build()
    world.clock.advance(301)
    write, failures = world.store.write, [2]

    def failing(*, durable: bool = True) -> Any:
        if world.provider.refreshes > 1 and failures[0]:
            failures[0] -= 1
            raise StorageError("The database does not answer.")
        return write(durable=durable)

    monkeypatch.setattr(world.store, "write", failing)
    assert world.provider.accepts(await token(server))
    assert failures == [0]
    world.clock.advance(301)
    assert world.provider.accepts(await token(other))


async def test_database_that_hangs_fails_the_call_and_costs_no_grant() -> None:
    world, (server, _) = await build()
    given = server.policy.snapshot.credentials["u1", "m1"]
    world.clock.advance(301)
    world.store.answers.clear()
    with pytest.raises(StorageError, match="does not answer"):
        await server.tokens.token_for(MCP, given)
    world.store.answers.set()
    assert world.provider.accepts(await token(server))
    assert world.provider.dead == set()


async def refuse(server: ConnectServer, challenge: str) -> bool:
    used = await server.lending.for_("u1", MCP)
    assert isinstance(used, Credential)
    return await server.lending.refused("u1", MCP, used, challenge)


async def test_refused_token_is_refreshed_once() -> None:
    world, (server, _) = await build()
    first = await token(server)
    assert await refuse(server, 'Bearer error="invalid_token"')
    second = await token(server)
    assert second != first
    refreshes = world.provider.refreshes
    assert not await refuse(server, 'Bearer error="invalid_token"')
    assert await token(server) == second
    assert world.provider.refreshes == refreshes
    async with world.store.read() as work:
        assert (await work.credentials.get("u1-m1")) is not None


async def test_a_token_that_ends_on_its_way_is_refreshed_each_time() -> None:
    """The first refusal tells nothing about a token that was accepted since, until its end."""
    world, (server, _) = await build()
    for _ in range(3):
        late = await server.lending.for_("u1", MCP)
        assert isinstance(late, Credential)
        world.clock.advance(301)
        assert await server.lending.refused("u1", MCP, late, 'Bearer error="invalid_token"')
        assert await server.lending.for_("u1", MCP) != late


async def test_another_server_has_refreshed_a_refused_token_already() -> None:
    world, (server, other) = await build()
    used = await server.lending.for_("u1", MCP)
    assert isinstance(used, Credential)
    world.clock.advance(241)
    await token(other)
    refreshes = world.provider.refreshes
    assert await server.lending.refused("u1", MCP, used, "Bearer")
    assert world.provider.refreshes == refreshes


async def test_demanded_scopes_are_kept_for_the_next_connection_and_never_refreshed_for() -> None:
    world, (server, _) = await build()
    refreshes = world.provider.refreshes
    with pytest.raises(StepUpNeededError) as raised:
        await refuse(server, 'Bearer error="insufficient_scope", scope="read write"')
    assert raised.value.scopes == ("read", "write")
    assert world.provider.refreshes == refreshes
    scopes = await server.users.requested_scopes("u1", MCP, "https://login.example")
    assert set(scopes) == {"read", "write"}
    assert await server.users.requested_scopes("u1", MCP, "https://other.example") == ()
    assert not await refuse(server, 'Bearer error="insufficient_scope", scope="read"'), "it was asked for"
    assert world.provider.accepts(await token(server)), "what the grant suffices for goes on"


async def test_disconnecting_during_a_refresh_stores_no_token() -> None:
    world, (server, _) = await build()
    world.provider.turns = 50
    world.clock.advance(301)
    call = asyncio.create_task(server.lending.for_("u1", MCP))
    await world.provider.started.wait()
    async with world.store.write() as work:
        await work.credentials.remove("u1-m1")
    found = await call
    assert isinstance(found, Missing)
    assert world.provider.revoked, "the new token is worth nothing at the provider either"


async def test_token_is_opened_for_its_own_user_alone() -> None:
    world, (server, _) = await build()
    await world.give("u2")
    async with world.store.write() as work:
        stolen = await work.secrets.get("u1-m1", "oauth")
        assert stolen
        await work.secrets.put(replace(stolen, credential_id="u2-m1"))
    await server.policy.refresh()
    found = await server.lending.for_("u2", MCP)
    assert isinstance(found, Missing)
    assert found.because is MissingBecause.CANNOT_BE_OPENED


SERVICE = replace(
    MCP, credentials=CredentialNeeds(oauth=OAuthNeeds(grant=GrantType.SERVICE_ACCOUNT, client_id="c1"))
)


async def service() -> tuple[World, ConnectServer]:
    world = World()
    return world, await world.setup(SERVICE)


async def service_token(server: ConnectServer, user_id: str = "u1") -> Credential:
    found = await server.lending.for_(user_id, SERVICE)
    assert isinstance(found, Credential)
    return found


async def test_service_account_has_one_token_for_all_users() -> None:
    world, server = await service()
    found = await asyncio.gather(*(service_token(server, f"u{number % 2 + 1}") for number in range(50)))
    assert len({each.headers["Authorization"] for each in found}) == 1
    assert world.provider.refreshes == 1
    world.clock.advance(241)
    later = await service_token(server)
    assert later.headers != found[0].headers
    assert later.generation == found[0].generation
    listing = await server.lending.for_listing(SERVICE)
    assert isinstance(listing, Credential)
    async with world.store.read() as work:
        assert await work.sealed.key_counts() == {}


async def test_service_account_keeps_a_valid_token_while_the_provider_is_down() -> None:
    world, server = await service()
    first = await service_token(server)
    world.clock.advance(241)
    world.provider.failures = [UNAVAILABLE]
    assert (await service_token(server)).headers == first.headers
    world.clock.advance(100)
    world.provider.failures = [UNAVAILABLE]
    with pytest.raises(AuthorizationServerUnavailableError):
        await service_token(server)
    assert world.provider.accepts((await service_token(server)).headers["Authorization"].split()[1])


async def test_refused_token_of_a_service_account_is_replaced_once() -> None:
    world, server = await service()
    first = await service_token(server)
    assert await server.lending.refused("u1", SERVICE, first, "Bearer")
    second = await service_token(server)
    assert second.headers != first.headers
    assert not await server.lending.refused("u1", SERVICE, second, "Bearer")
    assert world.provider.refreshes == 2


async def test_token_of_a_service_account_that_ends_on_its_way_is_replaced_each_time() -> None:
    world, server = await service()
    world.provider.lifetime = 30.0
    for _ in range(3):
        late = await service_token(server)
        world.clock.advance(31)
        assert await server.lending.refused("u1", SERVICE, late, "Bearer")
        assert (await service_token(server)).headers != late.headers


async def test_changed_declaration_gets_a_token_of_its_own() -> None:
    _, server = await service()
    first = await service_token(server)
    oauth = SERVICE.credentials.oauth
    assert oauth
    other = replace(SERVICE, credentials=CredentialNeeds(oauth=replace(oauth, scopes=("write",))))
    found = await server.lending.for_("u1", other)
    assert isinstance(found, Credential)
    assert found.generation != first.generation


def test_stored_grant_is_read_back_and_shows_no_secret_of_its_own() -> None:
    grant = RotatingServer(ManualClock()).grant("u1", MCP)
    encoded = msgspec.json.encode(grant)
    assert msgspec.json.decode(encoded, type=type(grant)) == grant
    assert "u1:r" not in repr(grant)
