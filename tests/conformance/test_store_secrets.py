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


async def test_values_are_counted_and_found_by_their_master_key(store: Store) -> None:
    async with store.write() as work:
        for field, number in (("a", 2), ("b", 1), ("c", 3), ("d", 1)):
            await work.secrets.put(secret(field, key_number=number))
    async with store.read() as work:
        assert await work.secrets.key_counts() == {1: 2, 2: 1, 3: 1}
        found = await work.secrets.sealed_before(3, limit=2)
        assert [each.field for each in found] == ["a", "b"]
        assert await work.secrets.sealed_before(1, limit=10) == []


async def test_values_of_older_keys_are_read_in_portions(store: Store) -> None:
    places = [("c1", "a"), ("c1", "b"), ("c2", "a"), ("c2", "b"), ("c2", "c")]
    async with store.write() as work:
        for credential_id, field in places:
            number = 2 if (credential_id, field) == ("c2", "b") else 1
            await work.secrets.put(secret(field, credential_id=credential_id, key_number=number))
    found, after = [], None
    async with store.read() as work:
        while portion := await work.secrets.sealed_before(2, limit=2, after=after):
            found += [(each.credential_id, each.field) for each in portion]
            after = found[-1]
        assert found == [place for place in places if place != ("c2", "b")]
        newer = await work.secrets.sealed_by(2)
        assert newer is not None
        assert (newer.credential_id, newer.field) == ("c2", "b")
        assert await work.secrets.sealed_by(3) is None


async def test_sealing_again_replaces_the_content_alone_unless_something_changed(store: Store) -> None:
    async with store.write() as work:
        await work.secrets.put(secret(version=3, expires_at=NOW, locked_until=NOW))
    again = secret(version=4, key_number=9, sealed=b"again")
    async with store.write() as work:
        assert not await work.secrets.seal_again(again, expected=2, now=NOW)
        assert not await work.secrets.seal_again(again, expected=3, now=NOW - HOUR)
        assert await work.secrets.seal_again(again, expected=3, now=NOW)
        assert not await work.secrets.seal_again(replace(again, version=5), expected=3, now=NOW)
        assert not await work.secrets.seal_again(secret("other"), expected=1, now=NOW)
    async with store.read() as work:
        assert await work.secrets.of("c1") == [replace(again, expires_at=NOW, locked_until=NOW)]
