"""What every store finds by the things an object belongs to."""

import pytest

from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    client_key,
    grant,
    group,
    mcp,
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


async def test_owner_that_can_be_no_id_is_invalid(store: Store) -> None:
    async with store.write() as work:
        with pytest.raises(InvalidInputError):
            await work.grants.of(group_id="\0")
