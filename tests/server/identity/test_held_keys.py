"""Keys are fetched when they are needed, kept for an hour without their issuer, and never fetched in a flood."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.errors import AuthorizationServerUnavailableError
from ambassador_server.guarded_http.requests import GuardedHttp
from ambassador_server.identity.held import KEPT, REFRESHED_AFTER, TRIED_EVERY
from ambassador_server.identity.held_keys import HeldKeys
from ambassador_server.identity.key_sources import KeySources
from tests.conformance.store_samples import issuer as sample
from tests.fakes.clock import ManualClock
from tests.fakes.issuer import OTHER_RSA, RSA, IssuerServer, issuer_server


@pytest.fixture
async def server() -> AsyncIterator[IssuerServer]:
    async with issuer_server() as started:
        yield started


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def keys(clock: ManualClock) -> HeldKeys:
    return HeldKeys(KeySources(GuardedHttp(seconds=5)), clock.monotonic)


@pytest.fixture
def issuer(server: IssuerServer) -> Issuer:
    return sample(url=server.url, private_addresses=True)


async def names(keys: HeldKeys, issuer: Issuer, key_id: str) -> list[str | None]:
    return [each.key_id for each in await keys.choose(issuer, "RS256", key_id)]


async def test_a_key_that_is_not_known_is_asked_for_once_in_thirty_seconds(
    keys: HeldKeys, server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    server.keys = [RSA.public(), OTHER_RSA.public()]
    for _ in range(5):
        assert await names(keys, issuer, "rsa-2") == []
    assert server.asked == 1
    clock.advance(TRIED_EVERY)
    assert await names(keys, issuer, "rsa-2") == ["rsa-2"]
    for _ in range(5):
        assert await names(keys, issuer, "rsa-3") == []
    assert server.asked == 2


async def test_those_who_come_together_ask_once(keys: HeldKeys, server: IssuerServer, issuer: Issuer) -> None:
    found = await asyncio.gather(*(names(keys, issuer, "rsa-1") for _ in range(50)))
    assert found == [["rsa-1"]] * 50
    assert server.asked == 1


async def test_known_keys_do_not_wait_for_unknown_ones(
    keys: HeldKeys, server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    server.wait = asyncio.Event()
    server.was_asked.clear()
    clock.advance(TRIED_EVERY)
    waiting = asyncio.ensure_future(names(keys, issuer, "rsa-2"))
    await server.was_asked.wait()
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    assert not waiting.done()
    server.wait.set()
    assert await waiting == []


async def test_keys_outlive_their_issuer_by_an_hour(
    keys: HeldKeys, server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    server.status = 503
    clock.advance(KEPT - 1)
    await keys.refresh([issuer])
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    clock.advance(1)
    with pytest.raises(AuthorizationServerUnavailableError, match="503"):
        await names(keys, issuer, "rsa-1")
    server.status = 200
    clock.advance(TRIED_EVERY)
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]


async def test_old_keys_are_fetched_in_the_background_and_a_removed_key_is_gone(
    keys: HeldKeys, server: IssuerServer, issuer: Issuer, clock: ManualClock
) -> None:
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    server.keys = [OTHER_RSA.public()]
    clock.advance(REFRESHED_AFTER - 1)
    await keys.refresh([issuer])
    assert server.asked == 1
    clock.advance(1)
    await keys.refresh([issuer])
    assert server.asked == 2
    assert await names(keys, issuer, "rsa-2") == ["rsa-2"]
    assert await names(keys, issuer, "rsa-1") == []


async def test_an_issuer_that_moves_is_asked_again(
    keys: HeldKeys, server: IssuerServer, issuer: Issuer
) -> None:
    assert await names(keys, issuer, "rsa-1") == ["rsa-1"]
    async with issuer_server() as other:
        other.keys = [OTHER_RSA.public()]
        moved = sample(url=other.url, private_addresses=True)
        assert await names(keys, moved, "rsa-1") == []
        assert await names(keys, moved, "rsa-2") == ["rsa-2"]
