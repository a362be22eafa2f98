"""A rotation seals every value again, beside servers that lend, replace and refresh, and after it was killed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ambassador_server.domain.people.credentials import StoredSecret
from ambassador_server.errors import VaultKeyMissingError
from ambassador_server.ports.authorization import Registration, RegistrationKind, ServerMetadata
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.ports.vault import Sealed, SecretPlace
from ambassador_server.services.credentials.bound_values import bound
from ambassador_server.services.credentials.oauth_grants import Begun, GrantVault
from ambassador_server.services.credentials.rotation import RotationProgress, VaultRotation
from ambassador_server.services.credentials.vault_state import KeyUse, VaultState
from tests.conformance.store_samples import pending, registration
from tests.server.services.credentials.world import HEADER, LendingWorld, mcp_with

MCP = mcp_with(HEADER)
METADATA = ServerMetadata(issuer="https://as.example", token_endpoint="https://as.example/token")


def rotation_of(world: LendingWorld) -> VaultRotation:
    return VaultRotation(store=world.store, vault=world.vault, batch=2)


async def rotate(world: LendingWorld) -> RotationProgress:
    steps = [step async for step in rotation_of(world).run()]
    assert [step.is_over for step in steps] == [False] * (len(steps) - 1) + [True]
    return steps[-1]


async def build(users: int = 5) -> LendingWorld:
    world = await LendingWorld.build(MCP, users=users)
    for number in range(1, users + 1):
        await world.give({"token": f"secret-{number}"}, user_id=f"u{number}")
    return world


def new_key(world: LendingWorld) -> int:
    number = max(world.keys) + 1
    world.keys[number] = bytes([number]) * 32
    return number


async def uses(world: LendingWorld) -> dict[int, tuple[int, KeyUse]]:
    keys = await VaultState(store=world.store, vault=world.vault).keys()
    return {key.number: (key.values, key.use) for key in keys}


async def lent(world: LendingWorld, user_id: str) -> str | None:
    world.lending._lent.clear()
    found = await world.lending.for_(user_id, MCP)
    return found.secrets[0] if isinstance(found, Credential) else None


async def test_every_value_needs_the_newest_key_alone_and_has_its_generation_still():
    world = await build()
    before = dict(world.policy.snapshot.credentials)
    assert (await rotate(world)).sealed_again == 0
    new_key(world)
    assert await uses(world) == {1: (5, KeyUse.NEEDED), 2: (0, KeyUse.SEALS)}
    end = await rotate(world)
    assert (end.key_number, end.total, end.sealed_again, end.unopened) == (2, 5, 5, {})
    assert await uses(world) == {1: (0, KeyUse.UNUSED), 2: (5, KeyUse.SEALS)}
    del world.keys[1]
    assert [await lent(world, f"u{number}") for number in range(1, 6)] == [
        f"secret-{number}" for number in range(1, 6)
    ]
    await world.policy.refresh()
    assert world.policy.snapshot.credentials == before


async def test_progress_is_told_after_every_portion():
    world = await build()
    new_key(world)
    steps = [step.sealed_again async for step in rotation_of(world).run()]
    assert steps == [0, 2, 4, 5, 5]


async def test_value_of_a_lost_key_is_counted_and_left_and_the_others_are_sealed_again():
    world = await build(4)
    new_key(world)
    await world.give({"token": "newer"}, user_id="u2", generation="g2")
    lost = world.keys.pop(1)
    new_key(world)
    assert await uses(world) == {1: (3, KeyUse.LOST), 2: (1, KeyUse.NEEDED), 3: (0, KeyUse.SEALS)}
    end = await rotate(world)
    assert (end.sealed_again, end.unopened) == (1, {1: 3})
    assert await lent(world, "u1") is None
    assert await lent(world, "u2") == "newer"
    world.keys[1] = lost
    assert (await rotate(world)).sealed_again == 3
    assert await lent(world, "u1") == "secret-1"


async def test_another_key_in_the_place_of_a_lost_one_is_a_lost_key():
    world = await build(1)
    world.keys[1] = b"other" * 8
    assert await uses(world) == {1: (1, KeyUse.LOST)}
    state = VaultState(store=world.store, vault=world.vault)
    await state.follow()
    (problem,) = state.problems
    assert "vault-1 is missing, or is another one: 1 stored values" in problem


async def test_problem_is_logged_once_and_ends_when_the_key_is_back(caplog: pytest.LogCaptureFixture):
    world = await build(1)
    state = VaultState(store=world.store, vault=world.vault)
    await state.follow()
    assert state.problems == ()
    key = world.keys.pop(1)
    for _ in range(3):
        await state.follow()
    assert len(caplog.records) == 1
    world.keys[1] = key
    await state.follow()
    assert state.problems == ()


async def test_rotation_without_any_key_is_refused():
    world = await build(1)
    world.keys.clear()
    with pytest.raises(VaultKeyMissingError):
        await rotate(world)


async def test_refresh_that_is_under_way_keeps_its_token():
    world = await build(1)
    new_key(world)
    servers = Servers(world)
    await servers.begin_refresh("u1")
    assert (await rotate(world)).sealed_again == 1
    await servers.end_refresh("u1")
    assert await uses(world) == {1: (0, KeyUse.UNUSED), 2: (1, KeyUse.SEALS)}
    assert await lent(world, "u1") == "refreshed"


class MeddlingStore:
    """Lets another server write something before each transaction of a rotation that writes."""

    def __init__(self, world: LendingWorld, meddle: Callable[[], Awaitable[None]]) -> None:
        self._world = world
        self._meddle = meddle
        self.read = world.store.read

    @asynccontextmanager
    async def write(self) -> AsyncIterator[UnitOfWork]:
        await self._meddle()
        async with self._world.store.write() as work:
            yield work


async def test_value_that_is_replaced_or_removed_after_it_was_read_stays_so():
    world, times = await build(3), 0
    new_key(world)

    async def meddle() -> None:
        nonlocal times
        times += 1
        if times == 1:
            await world.give({"token": "replaced"}, user_id="u1", generation="g2")
            await world.take(user_id="u2")

    store = MeddlingStore(world, meddle)
    ends = [step async for step in VaultRotation(store=store, vault=world.vault).run()]
    assert (ends[-1].sealed_again, ends[-1].is_over) == (1, True)
    assert [await lent(world, f"u{number}") for number in (1, 2, 3)] == ["replaced", None, "secret-3"]


async def test_registrations_and_begun_connections_are_sealed_again_too():
    world = await build(1)
    vault = GrantVault(world.vault)
    made = Registration(issuer="https://as.example", client_id="client", kind=RegistrationKind.DYNAMIC)
    begun = Begun(url="https://mcp.example", server=METADATA, registration=made)
    async with world.store.write() as work:
        sealed = vault.seal_registration(made, "m1")
        await work.registrations.add(registration(1, key_number=sealed.key_number, sealed=sealed.content))
        sealed = vault.seal(begun, "u1", "m1")
        await work.pending.add(pending(1, key_number=sealed.key_number, sealed=sealed.content))
    new_key(world)
    assert await uses(world) == {1: (3, KeyUse.NEEDED), 2: (0, KeyUse.SEALS)}
    assert (await rotate(world)).sealed_again == 3
    del world.keys[1]
    async with world.store.read() as work:
        stored, kept = await work.registrations.of(mcp_id="m1"), await work.pending.get("p1")
    assert vault.open_registration(stored[0].key_number, stored[0].sealed, "m1") == made
    assert kept
    assert vault.open(kept.key_number, kept.sealed, "u1", "m1") == begun


def refreshed(world: LendingWorld, known: StoredSecret) -> StoredSecret:
    user_id, mcp_id = known.credential_id.split("-")
    text = bound(mcp_with(HEADER), HEADER, "refreshed")
    sealed = world.vault.seal(text.encode(), SecretPlace(user_id, mcp_id, known.field))
    return replace(
        known,
        key_number=sealed.key_number,
        sealed=sealed.content,
        version=known.version + 1,
        locked_until=None,
    )


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["lend", "set", "remove", "begin refresh", "end refresh", "new key", "kill"]),
        st.integers(1, 4),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(EVENTS)
def test_servers_work_on_during_a_rotation(events: list[tuple[str, int]]):
    asyncio.run(_run_meanwhile(events))


class Servers:
    """What servers do beside a rotation, and what they must find afterwards."""

    def __init__(self, world: LendingWorld) -> None:
        self.world = world
        self.expected = {f"u{number}": f"secret-{number}" for number in range(1, 5)}
        self.refreshing: dict[str, StoredSecret] = {}
        self.changes = 0

    async def happen(self, event: str, number: int) -> None:
        user_id = f"u{number}"
        match event:
            case "lend":
                assert await lent(self.world, user_id) == self.expected.get(user_id)
            case "set" | "remove" | "begin refresh" if user_id in self.refreshing:
                pass
            case "set":
                self.changes += 1
                value = self.expected[user_id] = f"secret-{number}-{self.changes}"
                await self.world.give({"token": value}, user_id=user_id, generation=f"g{self.changes}")
            case "remove" if self.expected.pop(user_id, None) is not None:
                await self.world.take(user_id=user_id)
            case "begin refresh":
                await self.begin_refresh(user_id)
            case "end refresh":
                await self.end_refresh(user_id)
            case "new key":
                new_key(self.world)

    async def begin_refresh(self, user_id: str) -> None:
        now, credential_id = self.world.clock.now(), f"{user_id}-m1"
        async with self.world.store.write() as work:
            locked = await work.secrets.lock(
                credential_id, "token", now=now, until=now + timedelta(seconds=30)
            )
            known = await work.secrets.get(credential_id, "token")
        if locked and known is not None:
            self.refreshing[user_id] = known

    async def end_refresh(self, user_id: str) -> None:
        known = self.refreshing.pop(user_id, None)
        if known is not None:
            async with self.world.store.write() as work:
                again = refreshed(self.world, known)
                assert await work.secrets.replace_version(again, expected=known.version)
            self.expected[user_id] = "refreshed"


async def _run_meanwhile(events: list[tuple[str, int]]) -> None:
    """Run rotations with one event after each step, until all have happened; then lose all keys but the newest."""
    world = await build(4)
    servers, left = Servers(world), iter(events)
    new_key(world)
    event = next(left, None)
    while event is not None:
        async for _ in rotation_of(world).run():
            if event is None or event[0] == "kill":
                break
            await servers.happen(*event)
            event = next(left, None)
        event = next(left, None) if event is not None and event[0] == "kill" else event
    for user_id in list(servers.refreshing):
        await servers.end_refresh(user_id)
    await rotate(world)
    for number in sorted(world.keys)[:-1]:
        assert (await uses(world))[number] == (0, KeyUse.UNUSED)
        del world.keys[number]
    for number in range(1, 5):
        assert await lent(world, f"u{number}") == servers.expected.get(f"u{number}")


async def test_value_that_is_stored_under_an_older_key_meanwhile_is_found_before_the_end():
    """Another server may not have the new key yet."""
    world = await build(2)
    elsewhere = await LendingWorld.build(MCP)
    new_key(world)
    steps = rotation_of(world).run()
    assert (await anext(steps)).sealed_again == 0
    assert (await anext(steps)).sealed_again == 2
    late = elsewhere.vault.seal(b"late", SecretPlace("u1", "m1", "token"))
    async with world.store.write() as work:
        known = await work.secrets.get("u1-m1", "token")
        assert known
        await work.secrets.put(replace(known, key_number=1, sealed=late.content, version=9))
    ends = [step async for step in steps]
    assert ends[-1].sealed_again == 3
    async with world.store.read() as work:
        found = await work.secrets.get("u1-m1", "token")
    assert found
    assert world.vault.open(Sealed(2, found.sealed), SecretPlace("u1", "m1", "token")) == b"late"
