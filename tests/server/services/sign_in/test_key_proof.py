"""Client keys in use: what is stored of each use, and when a use is recorded."""

import asyncio
from dataclasses import replace

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX, digest_key, mint_key, visible_prefix
from ambassador_server.errors import AuditUnavailableError, StorageError
from ambassador_server.services.sign_in.key_proof import KeyProver
from tests.server.services.world import ROOT, World
from tests.server.worlds import KEY

PEPPER = b"p" * 32
SECRET = mint_key(PRESHARED_KEY_PREFIX)
OFFICE, TRAIN = Origin("request-1", "192.0.2.1"), Origin("request-2", "192.0.2.2")


async def build() -> tuple[World, KeyProver]:
    world = await World.build()
    prefix, digest = visible_prefix(SECRET, PRESHARED_KEY_PREFIX), digest_key(SECRET, PEPPER)
    async with world.changes.open(ROOT) as change:
        await change.work.keys.replace(replace(KEY, prefix=prefix, digest=digest))
    return world, world.prover(PEPPER)


async def use(prover: KeyProver, origin: Origin, host: str) -> None:
    key, user = await prover.prove(SECRET, origin)
    await prover.used(key, user, origin, host=host)


def recorded_uses(world: World) -> list[tuple[str | None, str | None]]:
    return [
        (event.source, event.details["host"])
        for event in world.log.events
        if event.action is AuditAction.KEY_NEW_HOST
    ]


async def test_the_last_use_of_a_key_is_kept_without_a_new_policy():
    world, prover = await build()
    version = world.policy.snapshot.version
    await use(prover, OFFICE, "laptop")
    assert prover.was_used("k1")
    await prover.save_uses()
    async with world.store.read() as work:
        key = await work.keys.get("k1")
        assert await work.policy_version() == version
    assert key is not None
    assert (key.last_used_at, key.last_host) == (world.clock.now(), "laptop")


async def test_use_is_known_while_it_is_being_stored_and_after_that_failed():
    world, prover = await build()
    await use(prover, OFFICE, "laptop")
    async with world.store.write():
        saving = asyncio.create_task(prover.save_uses())
        await asyncio.sleep(0)
        assert prover.was_used("k1"), "the use is not stored yet"
    await saving
    assert not prover.was_used("k1")
    await use(prover, TRAIN, "desk")
    await world.store.close()
    with pytest.raises(StorageError):
        await prover.save_uses()
    assert prover.was_used("k1")


async def test_first_use_from_a_host_and_from_an_address_is_recorded_once():
    world, prover = await build()
    for origin, host in ((OFFICE, "laptop"), (OFFICE, "laptop"), (TRAIN, "laptop"), (TRAIN, "desk")) * 2:
        await use(prover, origin, host)
    assert recorded_uses(world) == [("192.0.2.1", "laptop"), ("192.0.2.2", "laptop"), ("192.0.2.2", "desk")]


async def test_key_without_a_session_is_known_by_its_address():
    world, prover = await build()
    for _ in range(3):
        principal = await prover.identify(SECRET, OFFICE)
    assert (principal.key_id, principal.session_id) == ("k1", None)
    assert recorded_uses(world) == [("192.0.2.1", None)]


async def test_last_host_of_a_key_is_not_recorded_again_after_a_restart():
    world, prover = await build()
    await prover.identify(SECRET, OFFICE)
    await prover.save_uses()
    async with world.changes.open(ROOT) as change:
        stored = await change.work.keys.get("k1")
        assert stored is not None
        await change.work.keys.replace(replace(stored, owner="policy"))
    again = world.prover(PEPPER)
    await again.identify(SECRET, OFFICE)
    await again.identify(SECRET, TRAIN)
    assert recorded_uses(world) == [("192.0.2.1", None), ("192.0.2.2", None)]


async def test_use_that_cannot_be_recorded_is_recorded_later():
    world, prover = await build()
    world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await prover.identify(SECRET, OFFICE)
    world.log.mend()
    await prover.identify(SECRET, OFFICE)
    assert recorded_uses(world) == [("192.0.2.1", None)]
