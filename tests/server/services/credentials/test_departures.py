"""Access of a user who leaves is revoked at the provider, whatever the user has begun, also in the same moment."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.people.users import UserStatus
from ambassador_server.errors import AuthorizationDeniedError, InvalidKeyError, NotFoundError
from ambassador_server.services.administration.departures import end_everything_held
from ambassador_server.services.changes.audited_change import Change
from tests.fakes.authorization_server import FakeAuthorizationServer, authorization_server
from tests.server.services.credentials.connect_world import (
    ALICE,
    NAME,
    ConnectServer,
    ConnectWorld,
    oauth_mcp,
)
from tests.server.services.world import ORIGIN


@pytest.fixture
async def fake() -> AsyncIterator[FakeAuthorizationServer]:
    async with authorization_server() as server:
        yield server


@pytest.fixture
def world() -> ConnectWorld:
    return ConnectWorld()


@pytest.fixture
async def server(world: ConnectWorld, fake: FakeAuthorizationServer) -> ConnectServer:
    return await world.setup(oauth_mcp(fake.mcp))


async def leave(world: ConnectWorld) -> None:
    """Deactivate alice; no server has read the new policy yet."""
    async with world.store.write() as work:
        user = await work.users.get("u1")
        assert user is not None
        gone = replace(user, status=UserStatus.DEACTIVATED)
        await work.users.replace(gone)
        await end_everything_held(Change(work), gone, world.clock.now())


async def until_nothing_is_pending(server: ConnectServer, world: ConnectWorld) -> None:
    """Let the job run that revokes; it leaves nothing."""
    await server.pending.revoke_expired()
    async with world.store.read() as work:
        assert await work.pending.count() == 0


async def test_access_is_revoked_at_the_provider(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    tokens = (await world.grant_of(await server.connect())).tokens
    await leave(world)
    await until_nothing_is_pending(server, world)
    assert fake.revoked == [tokens.refresh_token, tokens.access_token]


async def test_access_that_the_user_has_not_finished_is_revoked_at_once(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    consented = await server.consent(begun)
    await leave(world)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)
    await until_nothing_is_pending(server, world)
    assert {*fake.issued} <= {*fake.revoked}


async def test_a_browser_that_comes_back_after_the_user_has_left_gets_nothing(
    server: ConnectServer, world: ConnectWorld, fake: FakeAuthorizationServer
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    parameters, cookies = await server.go(begun)
    await leave(world)
    with pytest.raises(AuthorizationDeniedError):
        await server.connecting.callback(parameters, cookies)
    assert not fake.issued
    await until_nothing_is_pending(server, world)


def meanwhile(
    act: Callable[..., Awaitable[Any]], happens: Callable[[], Awaitable[None]]
) -> Callable[..., Any]:
    """Return a request to the provider, after whose answer something happens before it is used."""

    async def asked(*words: Any, **named: Any) -> Any:
        answer = await act(*words, **named)
        await happens()
        return answer

    return asked


@pytest.mark.parametrize("job_runs", [False, True])
async def test_tokens_that_arrive_after_the_user_has_left_are_revoked(
    server: ConnectServer,
    world: ConnectWorld,
    fake: FakeAuthorizationServer,
    monkeypatch: pytest.MonkeyPatch,
    job_runs: bool,
) -> None:
    async def leave_now() -> None:
        await leave(world)
        if job_runs:
            await until_nothing_is_pending(server, world)

    begun = await server.connecting.begin(ALICE, ORIGIN, NAME)
    parameters, cookies = await server.go(begun)
    client = server.connecting._client
    monkeypatch.setattr(client, "finish", meanwhile(client.finish, leave_now))
    consented = await server.connecting.callback(parameters, cookies)
    with pytest.raises(NotFoundError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, consented.code)
    await until_nothing_is_pending(server, world)
    assert {*fake.issued} <= {*fake.revoked}


async def test_tokens_of_a_device_that_arrive_after_the_user_has_left_are_revoked(
    server: ConnectServer,
    world: ConnectWorld,
    fake: FakeAuthorizationServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = await server.connecting.begin(ALICE, ORIGIN, NAME, device=True)
    client = server.connecting._client
    monkeypatch.setattr(client, "poll_device", meanwhile(client.poll_device, lambda: leave(world)))
    with pytest.raises(InvalidKeyError):
        await server.connecting.finish(ALICE, ORIGIN, NAME, begun.ticket, "")
    await until_nothing_is_pending(server, world)
    assert fake.issued
    assert {*fake.issued} <= {*fake.revoked}


async def test_a_server_that_does_not_know_yet_begins_nothing(
    server: ConnectServer, world: ConnectWorld
) -> None:
    await leave(world)
    with pytest.raises(InvalidKeyError):
        await server.connecting.begin(ALICE, ORIGIN, NAME)
    await until_nothing_is_pending(server, world)
