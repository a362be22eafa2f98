"""The feed of the audit log: listeners miss no record, and no task runs without a listener."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from ambassador_server.domain.audit.query import EVERYTHING, Attribute, Is, Query
from ambassador_server.errors import AuditUnavailableError, OverloadedError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.services.audit.feed import MAX_LISTENERS, AuditFeed, FeedUpdate
from ambassador_server.services.audit.index import MAX_PAGE, AuditSearch
from ambassador_server.services.audit.log_indexing import InServerIndexer
from tests.conformance.store_samples import event, position, record
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE


class FragileLog(FakeAuditLog):
    """A log whose files can become unreadable."""

    gone = False

    async def read(self, after: LogPosition | None, limit: int, *more: Any) -> Any:
        if self.gone:
            raise AuditUnavailableError("the log is gone")
        return await super().read(after, limit, *more)


class World:
    """A log, a store and a feed over them."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.log = FragileLog()
        self.search = AuditSearch(
            store=self.store, indexer=InServerIndexer(store=self.store, logs=[self.log], clock=ManualClock())
        )
        self.feed = AuditFeed(self.search, poll_seconds=0.001)

    async def happen(self, count: int = 1, reason: str = "no_grant") -> None:
        for _ in range(count):
            await self.log.append(event(reason=reason))

    def listen(self, wanted: Query = EVERYTHING, cursor: int | None = None) -> AsyncGenerator[FeedUpdate]:
        return self.feed.follow(wanted, cursor, quiet_seconds=0.01)


async def take(feed: AsyncGenerator[FeedUpdate], count: int) -> list[int]:
    """Return the sequence numbers of the next records."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            found += [row.record.seq for row in (await anext(feed)).records]
    return found


async def test_no_task_runs_without_a_listener() -> None:
    world = World()
    await world.happen()
    before = asyncio.all_tasks()
    assert not world.feed.is_polling
    async with aclosing(world.listen()) as one, aclosing(world.listen()) as other:
        await anext(one)
        await anext(other)
        assert world.feed.is_polling
        assert len(asyncio.all_tasks() - before) == 1
        await one.aclose()
        assert world.feed.is_polling
    assert not world.feed.is_polling
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_each_listener_gets_the_records_of_its_query() -> None:
    world = World()
    await world.happen(3)
    wanted = Is(Attribute.REASON, "kill_switch")
    async with aclosing(world.listen()) as everything, aclosing(world.listen(wanted)) as some:
        assert (await anext(everything)).cursor == 3
        await anext(some)
        await world.happen(2)
        await world.happen(1, "kill_switch")
        assert await take(everything, 3) == [4, 5, 6]
        assert await take(some, 1) == [6]


async def test_listener_continues_at_its_cursor_and_loses_nothing_when_slow() -> None:
    world = World()
    await world.happen(5)
    async with aclosing(world.listen(cursor=2)) as slow, aclosing(world.listen()) as fast:
        await anext(fast)
        first = await anext(slow)
        assert (first.cursor, first.gap) == (2, False)
        await world.happen(2 * MAX_PAGE)
        assert await take(fast, 2 * MAX_PAGE) == list(range(6, 2 * MAX_PAGE + 6))
        assert await take(slow, 2 * MAX_PAGE + 3) == list(range(3, 2 * MAX_PAGE + 6))


async def test_records_between_two_listeners_are_not_lost() -> None:
    world = World()
    async with aclosing(world.listen()) as feed:
        await anext(feed)
        await world.happen(2)
        assert await take(feed, 2) == [1, 2]
    await world.happen(2)
    async with aclosing(world.listen(cursor=1)) as feed:
        assert await take(feed, 3) == [2, 3, 4]


async def test_cursor_advances_while_no_record_matches() -> None:
    world = World()
    async with asyncio.timeout(PATIENCE), aclosing(world.listen(Is(Attribute.REASON, "x"), 0)) as feed:
        await anext(feed)
        await world.happen(3)
        while (update := await anext(feed)).cursor < 3:
            assert update.records == ()


async def test_listener_is_told_of_a_gap() -> None:
    world = World()
    async with world.store.write() as work:
        await work.audit.insert([record(1), record(2), record(3)], position(3))
    async with aclosing(world.listen(cursor=99)) as rebuilt:
        first = await anext(rebuilt)
        assert (first.gap, first.cursor) == (True, 3)
    async with aclosing(world.listen(cursor=3)) as whole:
        assert not (await anext(whole)).gap


async def test_listeners_end_with_the_server_and_are_bounded() -> None:
    world = World()
    feeds = [world.listen() for _ in range(MAX_LISTENERS)]
    for feed in feeds:
        await anext(feed)
    with pytest.raises(OverloadedError):
        await anext(world.listen())
    world.feed.close()
    async with asyncio.timeout(PATIENCE):
        for feed in feeds:
            assert [update async for update in feed if update.records] == []
    assert not world.feed.is_polling


async def test_failure_of_the_index_ends_the_listeners_and_the_next_starts_again() -> None:
    world = World()
    async with aclosing(world.listen()) as feed:
        await anext(feed)
        world.log.gone = True
        with pytest.raises(AuditUnavailableError, match="gone"):
            await take(feed, 1)
    assert not world.feed.is_polling
    world.log.gone = False
    async with aclosing(world.listen()) as feed:
        await anext(feed)
        await world.happen()
        assert await take(feed, 1) == [1]
