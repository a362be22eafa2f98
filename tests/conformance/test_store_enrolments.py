"""Enrolments in every store: found by the digest of the code, deleted with the user or when old."""

from dataclasses import replace

import pytest

from ambassador_server.errors import ConflictError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, enrolment, user


@pytest.fixture(autouse=True)
async def owner(store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user())


async def test_enrolment_is_found_by_the_digest_of_its_code(store: Store) -> None:
    async with store.write() as work:
        await work.enrolments.add(enrolment(1))
        await work.enrolments.add(enrolment(2, key_seconds=None))
    async with store.read() as work:
        assert await work.enrolments.by_digest(bytes([2]) * 32) == enrolment(2, key_seconds=None)
        assert await work.enrolments.by_digest(b"") is None


async def test_redeeming_is_kept_and_changes_no_policy(store: Store) -> None:
    async with store.write() as work:
        before = await work.policy_version()
        await work.enrolments.add(enrolment())
        await work.enrolments.replace(replace(enrolment(), redeemed_at=NOW))
    async with store.read() as work:
        assert await work.enrolments.get("e1") == enrolment(redeemed_at=NOW)
        assert await work.policy_version() == before


async def test_two_codes_are_never_the_same(store: Store) -> None:
    async with store.write() as work:
        await work.enrolments.add(enrolment(1))
        with pytest.raises(ConflictError):
            await work.enrolments.add(enrolment(2, digest=bytes([1]) * 32))


async def test_enrolment_of_a_missing_user_is_refused(store: Store) -> None:
    async with store.write() as work:
        with pytest.raises(ConflictError):
            await work.enrolments.add(enrolment(user_id="u9"))


async def test_enrolment_is_deleted_with_its_user(store: Store) -> None:
    async with store.write() as work:
        await work.enrolments.add(enrolment())
        await work.users.remove("u1")
        assert await work.enrolments.all() == []


async def test_only_enrolments_that_expired_before_are_deleted(store: Store) -> None:
    async with store.write() as work:
        await work.enrolments.add(enrolment(1, expires_at=NOW - HOUR))
        await work.enrolments.add(enrolment(2, expires_at=NOW))
        assert await work.enrolments.forget(NOW) == 1
        assert [each.enrolment_id for each in await work.enrolments.all()] == ["e2"]
