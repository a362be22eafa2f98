"""Used ID tokens in every store: none is stored twice, and the old ones are deleted."""

import pytest

from ambassador_server.domain.people.used_sign_ins import UsedSignIn
from ambassador_server.errors import ConflictError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, admin_key, client_key, user


async def test_a_token_is_used_once_and_changes_no_policy(store: Store) -> None:
    used = UsedSignIn(sign_in_id="a" * 64, expires_at=NOW)
    async with store.write() as work:
        before = await work.policy_version()
        await work.used_sign_ins.add(used)
    async with store.write() as work:
        with pytest.raises(ConflictError):
            await work.used_sign_ins.add(used)
        assert await work.used_sign_ins.get(used.sign_in_id) == used
        assert await work.policy_version() == before


async def test_only_tokens_that_expired_before_are_forgotten(store: Store) -> None:
    async with store.write() as work:
        await work.used_sign_ins.add(UsedSignIn(sign_in_id="old", expires_at=NOW - HOUR))
        await work.used_sign_ins.add(UsedSignIn(sign_in_id="new", expires_at=NOW))
        assert await work.used_sign_ins.forget(NOW) == 1
        assert [each.sign_in_id for each in await work.used_sign_ins.all()] == ["new"]


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
