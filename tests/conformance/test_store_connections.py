"""Registrations and begun connections in every store: versions, reservations, and removal with what they belong to."""

import asyncio
from dataclasses import replace

import pytest

from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, add_owners, mcp, pending, registration


@pytest.fixture(autouse=True)
async def owner(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.mcps.add(mcp(2))


async def test_registration_is_found_by_mcp_and_issuer_alone(store: Store) -> None:
    own = registration(sealed=bytes(range(256)))
    async with store.write() as work:
        await work.registrations.add(own)
        await work.registrations.add(registration(2, issuer="https://other.example"))
        await work.registrations.add(registration(3, mcp_id="m2"))
    async with store.read() as work:
        assert await work.registrations.find("m1", own.issuer) == own
        assert await work.registrations.find("m1", own.issuer + "/") is None
        assert await work.registrations.of(mcp_id="m2") == [registration(3, mcp_id="m2")]


async def test_second_registration_of_an_mcp_at_one_issuer_is_refused(store: Store) -> None:
    async with store.write() as work:
        await work.registrations.add(registration())
        with pytest.raises(ConflictError):
            await work.registrations.add(registration(2))
        with pytest.raises(ConflictError):
            await work.registrations.add(registration(3, mcp_id="m9"))
        with pytest.raises(InvalidInputError):
            await work.registrations.find("m1", "https://long.example/" + "x" * 512)


async def test_only_the_expected_version_of_a_registration_is_replaced(store: Store) -> None:
    later = registration(version=4, sealed=b"later", key_number=2, updated_at=NOW + HOUR)
    async with store.write() as work:
        await work.registrations.add(registration(version=3))
        assert not await work.registrations.replace_version(later, expected=2)
        assert await work.registrations.replace_version(later, expected=3)
        assert not await work.registrations.replace_version(replace(later, version=5), expected=3)
    async with store.read() as work:
        assert await work.registrations.find("m1", later.issuer) == later


async def test_one_server_alone_reserves_a_registration(store: Store) -> None:
    async with store.write() as work:
        await work.registrations.add(registration())

    async def reserve() -> bool:
        async with store.write() as work:
            return await work.registrations.lock("r1", now=NOW, until=NOW + HOUR)

    assert sorted(await asyncio.gather(*(reserve() for _ in range(4)))) == [False, False, False, True]
    async with store.write() as work:
        assert not await work.registrations.lock("r9", now=NOW, until=NOW + HOUR)
        assert await work.registrations.lock("r1", now=NOW + HOUR, until=NOW + 2 * HOUR)
        await work.registrations.unlock("r1")
        assert await work.registrations.lock("r1", now=NOW, until=NOW + HOUR)


async def test_begun_connection_is_found_by_ticket_and_by_state(store: Store) -> None:
    begun = pending(state_digest="s1")
    async with store.write() as work:
        await work.pending.add(begun)
        await work.pending.add(pending(2, state_digest="s2", created_at=NOW + HOUR))
        await work.pending.add(pending(3))
        await work.pending.add(pending(4))
        with pytest.raises(ConflictError):
            await work.pending.add(begun)
        with pytest.raises(ConflictError):
            await work.pending.add(pending(5, state_digest="s1"))
        with pytest.raises(ConflictError):
            await work.pending.add(pending(6, user_id="u9"))
    async with store.read() as work:
        assert await work.pending.get("p1") == begun
        assert await work.pending.by_state("s1") == begun
        assert await work.pending.by_state("s9") is None
        assert await work.pending.count() == 4
        assert [each.pending_id for each in await work.pending.of(user_id="u1")] == ["p1", "p3", "p4", "p2"]


async def test_begun_connection_is_changed_and_removed(store: Store) -> None:
    opened = pending(state_digest="s1", cookie_digest="k1")
    granted = replace(opened, state_digest=None, code_digest="d1", sealed=b"granted", wrong_codes=2)
    async with store.write() as work:
        await work.pending.add(opened)
        await work.pending.replace(granted)
        assert await work.pending.by_state("s1") is None
        assert await work.pending.get("p1") == granted
        await work.pending.remove("p1")
        with pytest.raises(NotFoundError):
            await work.pending.remove("p1")


async def test_expired_connections_are_found_oldest_first(store: Store) -> None:
    async with store.write() as work:
        await work.pending.add(pending(1, expires_at=NOW + HOUR))
        await work.pending.add(pending(2, expires_at=NOW))
        await work.pending.add(pending(3, expires_at=NOW + 2 * HOUR))
    async with store.read() as work:
        found = await work.pending.expired(NOW + HOUR, limit=5)
        assert [each.pending_id for each in found] == ["p2", "p1"]
        assert len(await work.pending.expired(NOW + HOUR, limit=1)) == 1


@pytest.mark.parametrize("gone", ["user", "mcp"])
async def test_all_is_removed_with_its_user_or_mcp(store: Store, gone: str) -> None:
    async with store.write() as work:
        version = await work.policy_version()
        await work.registrations.add(registration())
        await work.pending.add(pending())
        assert await work.policy_version() == version
    async with store.write() as work:
        await (work.users.remove("u1") if gone == "user" else work.mcps.remove("m1"))
    async with store.read() as work:
        assert await work.pending.count() == 0
        assert bool(await work.registrations.of(mcp_id="m1")) == (gone == "user")
