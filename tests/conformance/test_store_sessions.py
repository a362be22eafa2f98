"""Sessions in every store: their expiry moves while they are open, and they end once."""

import asyncio

import pytest

from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import ConflictError
from ambassador_server.ports.store import Store
from tests.conformance.store_samples import HOUR, NOW, add_owners, session
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
async def owners(store: Store) -> None:
    """Store the user and the key that the sessions belong to."""
    async with store.write() as work:
        await add_owners(work)


async def test_touch_moves_expiry_and_last_seen_only(store: Store) -> None:
    async with store.write() as work:
        await work.sessions.add(session(1))
        await work.sessions.add(session(2))
        await work.sessions.touch("s1", seen_at=NOW + HOUR / 2, expires_at=NOW + 2 * HOUR)
    async with store.read() as work:
        moved = session(1, last_seen_at=NOW + HOUR / 2, expires_at=NOW + 2 * HOUR)
        assert await work.sessions.get("s1") == moved
        assert await work.sessions.get("s2") == session(2)


async def test_touch_does_not_reopen_an_ended_or_expired_session(store: Store) -> None:
    ended = session(1, ended_at=NOW, end_reason="killed")
    expired = session(2, expires_at=NOW)
    async with store.write() as work:
        await work.sessions.add(ended)
        await work.sessions.add(expired)
        for session_id in ("s1", "s2", "unknown"):
            await work.sessions.touch(session_id, seen_at=NOW, expires_at=NOW + HOUR)
    async with store.read() as work:
        assert await work.sessions.get("s1") == ended
        assert await work.sessions.get("s2") == expired
        assert (await work.sessions.page(Listing(open_at=NOW - HOUR))).items == (expired,)


async def test_session_ends_once_and_keeps_its_first_reason(store: Store) -> None:
    async with store.write() as work:
        await work.sessions.add(session())
        assert await work.sessions.end("s1", at=NOW, reason="disconnected") is True
        assert await work.sessions.end("s1", at=NOW + HOUR, reason="killed") is False
        assert await work.sessions.end("unknown", at=NOW, reason="killed") is False
    async with store.read() as work:
        assert await work.sessions.get("s1") == session(ended_at=NOW, end_reason="disconnected")


async def test_expired_session_can_still_be_ended(store: Store) -> None:
    async with store.write() as work:
        await work.sessions.add(session(expires_at=NOW))
        assert await work.sessions.end("s1", at=NOW + HOUR, reason="expired") is True


async def test_only_one_of_many_ends_the_session(store: Store) -> None:
    async with store.write() as work:
        await work.sessions.add(session())

    async def end(number: int) -> bool:
        async with store.write() as work:
            return await work.sessions.end("s1", at=NOW, reason=f"{number}")

    async with asyncio.timeout(PATIENCE):
        assert sum(await asyncio.gather(*(end(number) for number in range(10)))) == 1


async def test_open_sessions_come_newest_first(store: Store) -> None:
    kept = [session(number, created_at=NOW + number * HOUR, expires_at=NOW + 9 * HOUR) for number in range(3)]
    async with store.write() as work:
        for item in kept:
            await work.sessions.add(item)
        await work.sessions.add(session(5, expires_at=NOW + HOUR))
        await work.sessions.add(session(6, ended_at=NOW, expires_at=NOW + 9 * HOUR))
    async with store.read() as work:
        assert await work.sessions.open_sessions(NOW + HOUR) == kept[::-1]
        assert await work.sessions.open_sessions(NOW + 9 * HOUR) == []


async def test_expired_sessions_are_those_that_were_not_ended(store: Store) -> None:
    late, early = session(1, expires_at=NOW), session(2, expires_at=NOW - HOUR)
    async with store.write() as work:
        for item in (
            late,
            early,
            session(3, expires_at=NOW + HOUR),
            session(4, expires_at=NOW, ended_at=NOW),
        ):
            await work.sessions.add(item)
    async with store.read() as work:
        assert await work.sessions.expired(NOW) == [early, late]
        assert await work.sessions.expired(NOW - 2 * HOUR) == []


async def test_only_sessions_that_ended_or_expired_before_are_deleted(store: Store) -> None:
    over = [
        session(1, ended_at=NOW - HOUR, end_reason="disconnected"),
        session(2, expires_at=NOW - HOUR),
    ]
    kept = [session(3, ended_at=NOW, end_reason="disconnected"), session(4, expires_at=NOW), session(5)]
    async with store.write() as work:
        for each in (*over, *kept):
            await work.sessions.add(each)
        assert await work.sessions.forget(NOW) == 2
        assert await work.sessions.forget(NOW) == 0
    async with store.read() as work:
        assert [await work.sessions.get(each.session_id) for each in over] == [None, None]
        assert [await work.sessions.get(each.session_id) for each in kept] == kept


async def test_the_use_of_a_key_is_stored_without_a_new_policy_version(store: Store) -> None:
    async with store.read() as work:
        version = await work.policy_version()
        (key,) = await work.keys.all()
    async with store.write() as work:
        await work.keys.touch(key.key_id, at=NOW, host="laptop")
        await work.keys.touch("unknown", at=NOW, host="laptop")
    async with store.read() as work:
        noted = await work.keys.get(key.key_id)
        assert noted is not None
        assert (noted.last_used_at, noted.last_host) == (NOW, "laptop")
        assert noted.digest == key.digest
        assert await work.policy_version() == version


async def test_sessions_that_ended_since_a_time_are_in_the_order_of_their_ends(store: Store) -> None:
    async with store.write() as work:
        for number in (1, 2, 3, 4):
            await work.sessions.add(session(number))
        for number, at in ((2, NOW), (3, NOW - HOUR), (1, NOW + HOUR)):
            await work.sessions.end(f"s{number}", at=at, reason="revoked")
    async with store.read() as work:
        assert [each.session_id for each in await work.sessions.ended_since(NOW)] == ["s2", "s1"]
        assert await work.sessions.ended_since(NOW + 2 * HOUR) == []


async def test_what_is_used_once_is_so_until_it_is_forgotten(store: Store) -> None:
    early, late = (UsedOnce(use_id=each, expires_at=NOW + n * HOUR) for n, each in enumerate("ab"))

    async def use(item: UsedOnce) -> bool:
        try:
            async with store.write() as work:
                await work.used_once.add(item)
        except ConflictError:
            return False
        return True

    async with store.read() as work:
        before = await work.policy_version()
    async with asyncio.timeout(PATIENCE):
        assert sum(await asyncio.gather(*(use(early) for _ in range(5)))) == 1
    assert await use(late)
    async with store.read() as work:
        assert await work.policy_version() == before, "it is no change of the policy"
    async with store.write() as work:
        assert await work.used_once.forget(NOW + HOUR) == 1
    assert (await use(early), await use(late)) == (True, False)
