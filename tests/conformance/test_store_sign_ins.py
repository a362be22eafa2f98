"""What comes from a sign-in, in every store."""

from ambassador_server.ports.store import Store
from tests.conformance.store_samples import admin_key, client_key, user


async def test_keys_and_logins_keep_the_issuer_that_they_came_from(store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user())
        await work.keys.add(client_key(1, issuer_id="i1"))
        await work.keys.add(client_key(2))
        await work.admin_keys.add(admin_key(1, user_id="u1", issuer_id="i1"))
    async with store.read() as work:
        assert [each.key_id for each in await work.keys.of(issuer_id="i1")] == [client_key(1).key_id]
        found = await work.admin_keys.all()
        assert found[0].issuer_id == "i1"
