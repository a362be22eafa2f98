"""Sealed values of credentials in every store: versions, reservations, and removal with their credential."""

from dataclasses import replace

import pytest

from ambassador_server.errors import ConflictError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, add_owners, credential, mcp, secret


@pytest.fixture(autouse=True)
async def owner(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.mcps.add(mcp(2))
        await work.credentials.add(credential(1))
        await work.credentials.add(credential(2))


async def test_values_are_read_back_by_field(store: Store) -> None:
    token = secret("token", sealed=bytes(range(256)), expires_at=NOW, version=7)
    async with store.write() as work:
        await work.secrets.put(token)
        await work.secrets.put(secret("account"))
        await work.secrets.put(secret("token", credential_id="c2"))
    async with store.read() as work:
        assert await work.secrets.get("c1", "token") == token
        assert await work.secrets.get("c1", "other") is None
        assert await work.secrets.of("c1") == [secret("account"), token]


async def test_put_replaces_an_earlier_value(store: Store) -> None:
    async with store.write() as work:
        await work.secrets.put(secret(sealed=b"old", locked_until=NOW))
        await work.secrets.put(secret(sealed=b"new"))
        assert await work.secrets.of("c1") == [secret(sealed=b"new")]


async def test_value_without_a_credential_is_refused(store: Store) -> None:
    async with store.write() as work:
        with pytest.raises(ConflictError):
            await work.secrets.put(secret(credential_id="c9"))
        await work.secrets.put(secret())


async def test_removal_tells_whether_there_was_a_value(store: Store) -> None:
    async with store.write() as work:
        await work.secrets.put(secret())
        assert await work.secrets.remove("c1", "token")
        assert not await work.secrets.remove("c1", "token")


@pytest.mark.parametrize("gone", ["credential", "user", "mcp"])
async def test_values_are_removed_with_what_they_belong_to(store: Store, gone: str) -> None:
    async with store.write() as work:
        await work.secrets.put(secret())
        await work.secrets.put(secret(credential_id="c2"))
        match gone:
            case "credential":
                await work.credentials.remove("c1")
            case "user":
                await work.users.remove("u1")
            case _:
                await work.mcps.remove("m1")
        assert await work.secrets.of("c1") == []
        assert bool(await work.secrets.of("c2")) == (gone != "user")


async def test_only_the_expected_version_is_replaced(store: Store) -> None:
    async with store.write() as work:
        await work.secrets.put(secret(version=3, locked_until=NOW))
    later = secret(version=4, sealed=b"later", expires_at=NOW + HOUR)
    async with store.write() as work:
        assert not await work.secrets.replace_version(later, expected=2)
        assert await work.secrets.replace_version(later, expected=3)
        assert not await work.secrets.replace_version(replace(later, version=5), expected=3)
        assert not await work.secrets.replace_version(secret("other"), expected=1)
    async with store.read() as work:
        assert await work.secrets.of("c1") == [later]


async def test_one_server_reserves_a_refresh_until_its_time_is_over(store: Store) -> None:
    async with store.write() as work:
        await work.secrets.put(secret())
        assert await work.secrets.lock("c1", "token", now=NOW, until=NOW + HOUR)
        assert not await work.secrets.lock("c1", "token", now=NOW, until=NOW + HOUR)
        assert await work.secrets.lock("c1", "token", now=NOW + HOUR, until=NOW + 2 * HOUR)
        await work.secrets.unlock("c1", "token")
        assert await work.secrets.lock("c1", "token", now=NOW, until=NOW + HOUR)
        assert not await work.secrets.lock("c1", "other", now=NOW, until=NOW + HOUR)
