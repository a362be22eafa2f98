"""Requests in every store: moved by one of several who try, found while they are open, deleted when old."""

import asyncio
from dataclasses import replace

import pytest

from ambassador_server.domain.policy.approval_requests import ApprovalRequest, RequestKind, RequestStatus
from ambassador_server.domain.shared.listing import Condition, Listing
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, add_owners, grant, mcp, request, user

APPROVED = RequestStatus.APPROVED


@pytest.fixture(autouse=True)
async def owners(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.users.add(user(2))


async def move(store: Store, before: ApprovalRequest, after: ApprovalRequest) -> bool:
    async with store.write() as work:
        return await work.requests.move(before, after, now=NOW)


async def test_request_is_moved_once_and_changes_no_policy(store: Store) -> None:
    pending = request()
    approved = pending.approved(by="root", at=NOW, reason=None)
    async with store.write() as work:
        before = await work.policy_version()
        await work.requests.add(pending)
    assert await move(store, pending, approved)
    assert not await move(store, pending, approved)
    assert await move(store, approved, approved.used(NOW))
    assert not await move(store, approved, approved.used(NOW))
    async with store.read() as work:
        assert await work.requests.get("q1") == approved.used(NOW)
        assert await work.policy_version() == before


async def test_of_several_that_use_an_approval_at_once_one_succeeds(store: Store) -> None:
    approved = request(status=APPROVED)
    async with store.write() as work:
        await work.requests.add(approved)
    moved = await asyncio.gather(*(move(store, approved, approved.used(NOW)) for _ in range(8)))
    assert sorted(moved) == [False] * 7 + [True]


async def test_each_round_of_a_used_request_is_taken_once(store: Store) -> None:
    used = request(status=APPROVED).used(NOW)
    async with store.write() as work:
        await work.requests.add(used)
    second = replace(used, rounds=1)
    assert await move(store, used, second)
    assert not await move(store, used, second)
    assert await move(store, second, replace(second, rounds=2))


@pytest.mark.parametrize("status", [RequestStatus.PENDING, APPROVED])
async def test_request_that_is_over_is_moved_only_without_a_time(store: Store, status: RequestStatus) -> None:
    late = request(status=status, expires_at=NOW)
    async with store.write() as work:
        await work.requests.add(late)
    assert not await move(store, late, late.used(NOW))
    async with store.write() as work:
        assert await work.requests.move(late, late.ended(RequestStatus.EXPIRED), now=None)
    async with store.read() as work:
        found = await work.requests.get("q1")
    assert found is not None
    assert found.status is RequestStatus.EXPIRED


async def test_request_that_does_not_exist_is_not_moved(store: Store) -> None:
    assert not await move(store, request(9), request(9).used(NOW))


async def test_requests_of_a_user_are_found_by_their_digest(store: Store) -> None:
    async with store.write() as work:
        for each in (
            request(1),
            request(2, status=APPROVED, created_at=NOW + HOUR),
            request(3, digest="f" * 64),
            request(4, user_id="u2"),
            request(5, status=RequestStatus.USED, expires_at=None),
        ):
            await work.requests.add(each)
        found = await work.requests.with_digest(user_id="u1", digest="0" * 64, limit=10)
        first = await work.requests.with_digest(user_id="u1", digest="0" * 64, limit=1)
    assert [each.request_id for each in found] == ["q2", "q5", "q1"]
    assert [each.request_id for each in first] == ["q2"]


async def test_pending_requests_are_counted(store: Store) -> None:
    async with store.write() as work:
        for each in (
            request(1),
            request(2, user_id="u2"),
            request(3, status=APPROVED),
            request(4, expires_at=NOW),
        ):
            await work.requests.add(each)
        assert await work.requests.count_pending(NOW) == 2
        assert await work.requests.count_pending(NOW, user_id="u2") == 1
        assert await work.requests.count_pending(NOW, user_id="u9") == 0


async def test_cancelled_requests_of_a_user_are_counted_since_a_time(store: Store) -> None:
    cancelled = {"status": RequestStatus.CANCELLED, "expires_at": None}
    async with store.write() as work:
        for each in (
            request(1, **cancelled),
            request(2, user_id="u2", **cancelled),
            request(3, created_at=NOW - HOUR, **cancelled),
            request(4),
        ):
            await work.requests.add(each)
        assert await work.requests.count_cancelled(NOW, user_id="u1") == 1
        assert await work.requests.count_cancelled(NOW - HOUR, user_id="u1") == 2
        assert await work.requests.count_cancelled(NOW, user_id="u9") == 0


async def test_a_request_for_access_needs_no_mcp(store: Store) -> None:
    access = request(1, kind=RequestKind.ACCESS, mcp_id=None, capability="nothing", capability_kind=None)
    async with store.write() as work:
        await work.requests.add(access)
    async with store.read() as work:
        assert await work.requests.get("q1") == access
        assert (await work.requests.page(Listing(conditions=(Condition.parse("mcp="),)))).items == (access,)
    async with store.write() as work:
        await work.mcps.remove("m1")
    async with store.read() as work:
        assert await work.requests.all() == [access]


async def test_open_requests_whose_time_is_over_are_found_oldest_first(store: Store) -> None:
    async with store.write() as work:
        for each in (
            request(1, expires_at=NOW),
            request(2, expires_at=NOW - HOUR, status=APPROVED),
            request(3),
            request(4, status=RequestStatus.DENIED, expires_at=None),
        ):
            await work.requests.add(each)
        assert [each.request_id for each in await work.requests.over(NOW, limit=10)] == ["q2", "q1"]
        assert [each.request_id for each in await work.requests.over(NOW, limit=1)] == ["q2"]


async def test_old_requests_are_deleted_unless_they_are_open(store: Store) -> None:
    async with store.write() as work:
        for each in (
            request(1, created_at=NOW - HOUR),
            request(2, created_at=NOW - HOUR, status=RequestStatus.USED, expires_at=None),
            request(3, status=RequestStatus.USED, expires_at=None),
        ):
            await work.requests.add(each)
        assert await work.requests.forget(NOW) == 1
        assert [each.request_id for each in await work.requests.all()] == ["q1", "q3"]


async def test_request_is_deleted_with_its_user_and_its_mcp_but_not_with_its_key_or_its_grant(
    store: Store,
) -> None:
    async with store.write() as work:
        await work.mcps.add(mcp(2))
        await work.grants.add(grant(1))
        await work.requests.add(request(1, grant_id="r1"))
        await work.requests.add(request(2, user_id="u2"))
        await work.requests.add(request(3, mcp_id="m2"))
        await work.keys.remove("k1")
        await work.grants.remove("r1")
        await work.users.remove("u2")
        await work.mcps.remove("m2")
        assert [each.request_id for each in await work.requests.all()] == ["q1"]
