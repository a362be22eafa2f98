"""Every store finds objects by their owners."""

import pytest

from ambassador_server.domain.shared.listing import Condition, Listing
from ambassador_server.errors import ConflictError, InvalidInputError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    admin_key,
    client_key,
    grant,
    group,
    mcp,
    password,
    subscription,
    user,
)


async def test_objects_are_found_by_all_their_owners(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.groups.add(group(2))
        await work.mcps.add(mcp(2))
        await work.grants.add(grant(1, created_at=NOW + HOUR))
        await work.grants.add(grant(2))
        await work.grants.add(grant(3, group_id="g2"))
        await work.grants.add(grant(4, mcp_id="m2"))
        assert await work.grants.of(group_id="g1", mcp_id="m1") == [grant(2), grant(1, created_at=NOW + HOUR)]
    async with store.read() as work:
        assert await work.grants.of(group_id="g2") == [grant(3, group_id="g2")]
        assert await work.grants.of(mcp_id="m2") == [grant(4, mcp_id="m2")]
        assert await work.grants.of(group_id="g2", mcp_id="m2") == []
        assert await work.grants.of(group_id="none") == []


async def test_a_grant_for_a_user_is_found_by_the_user_and_goes_with_the_user(store: Store) -> None:
    own = grant(2, group_id=None, user_id="u2", request_id="q1")
    async with store.write() as work:
        await add_owners(work)
        await work.users.add(user(2))
        await work.grants.add(grant(1))
        await work.grants.add(own)
        with pytest.raises(ConflictError, match="unknown group, user or MCP"):
            await work.grants.add(grant(3, group_id=None, user_id="u9"))
    async with store.read() as work:
        assert await work.grants.of(user_id="u2") == [own]
        assert await work.grants.of(group_id="g1") == [grant(1)]
        for said in ("user=user-2", "group="):
            wanted = Listing(conditions=(Condition.parse(said),))
            assert (await work.grants.page(wanted)).items == (own,), said
    async with store.write() as work:
        await work.users.remove("u2")
    async with store.read() as work:
        assert await work.grants.all() == [grant(1)]


async def test_keys_and_subscriptions_are_found_by_their_owners(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.users.add(user(2))
        await work.keys.add(client_key(2, user_id="u2"))
        await work.subscriptions.add(subscription(1))
        await work.subscriptions.add(subscription(2, key_id="k2"))
    async with store.read() as work:
        assert await work.keys.of(user_id="u2") == [client_key(2, user_id="u2")]
        assert await work.subscriptions.of(key_id="k1", mcp_id="m1") == [subscription(1)]
        assert await work.subscriptions.of(key_id="k2") == [subscription(2, key_id="k2")]


async def test_password_is_removed_without_its_user(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.passwords.add(password())
        await work.passwords.remove("u1")
    async with store.read() as work:
        assert await work.passwords.all() == []
        assert await work.users.get("u1") == user()


async def test_names_are_listed_in_order(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        for number in (3, 2):
            await work.users.add(user(number))
        assert await work.users.names() == ["user-1", "user-2", "user-3"]
    async with store.read() as work:
        assert await work.users.names() == ["user-1", "user-2", "user-3"]
        assert await work.groups.names() == ["group-1"]
        assert await work.mcps.names() == ["mcp-1"]
        assert await work.admin_keys.names() == []


async def test_admin_keys_are_found_by_their_prefix(store: Store) -> None:
    twins = [admin_key(1, prefix="12345678"), admin_key(2, prefix="12345678", digest=b"e" * 32)]
    async with store.write() as work:
        for key in (*twins, admin_key(3)):
            await work.admin_keys.add(key)
        assert await work.admin_keys.by_prefix("12345678") == twins
    async with store.read() as work:
        assert await work.admin_keys.by_prefix("12345678") == twins
        assert await work.admin_keys.by_prefix("1234567") == []
        with pytest.raises(InvalidInputError):
            await work.admin_keys.by_prefix("\0")


async def test_only_logins_that_ended_before_a_time_are_deleted(store: Store) -> None:
    early, late = NOW - HOUR, NOW + HOUR
    gone = [
        admin_key(1, user_id="u1", expires_at=early),
        admin_key(2, user_id="u1", revoked_at=early),
        admin_key(3, user_id="u1", expires_at=late, revoked_at=early),
    ]
    kept = [
        admin_key(4, user_id="u1", expires_at=NOW),
        admin_key(5, user_id="u1", expires_at=late, revoked_at=NOW),
        admin_key(6, user_id="u1"),
        admin_key(7, expires_at=early, revoked_at=early),
    ]
    async with store.write() as work:
        await add_owners(work)
        for key in (*gone, *kept):
            await work.admin_keys.add(key)
    async with store.write() as work:
        assert await work.admin_keys.forget_logins(NOW) == len(gone)
    async with store.read() as work:
        assert await work.admin_keys.all() == kept


async def test_impossible_owner_id_is_refused(store: Store) -> None:
    async with store.write() as work:
        with pytest.raises(InvalidInputError):
            await work.grants.of(group_id="\0")
