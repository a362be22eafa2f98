"""Writes that share a transaction: each caller is told what became of its own, whatever becomes of the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.errors import ConflictError, StorageError
from ambassador_server.services.shared.joined_writes import JoinedWrites
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.conformance.store_samples import group
from tests.effort import examples
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.storage.conftest import postgres, postgres_url, sqlite_path, url

__all__ = ["postgres", "postgres_url", "sqlite_path", "url"]


class WatchedStore:
    """Counts the transactions of a store; the next commits of `failing` fail."""

    def __init__(self, store: Any) -> None:
        self.store, self.transactions, self.failing = store, 0, 0

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[Any]:
        self.transactions += 1
        async with self.store.write(durable=durable) as work:
            yield work
            if self.failing:
                self.failing -= 1
                raise StorageError("The disk is full.")

    async def groups(self) -> set[str]:
        async with self.store.read() as work:
            return {each.name for each in await work.groups.all()}


def adding(number: int, turns: int = 0) -> Callable[[Any], Awaitable[None]]:
    async def write(work: Any) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await work.groups.add(group(number))

    return write


async def outcomes(*calls: Awaitable[None]) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*calls, return_exceptions=True)


@pytest.fixture
async def store(url: str) -> AsyncIterator[WatchedStore]:
    await upgrade(url)
    opened = await open_store(url)
    yield WatchedStore(opened)
    await opened.close()


async def test_writes_that_wait_at_the_same_time_share_transactions(store: WatchedStore) -> None:
    writes = JoinedWrites(store)
    assert await outcomes(*(writes.run(adding(number)) for number in range(100))) == [None] * 100
    assert await store.groups() == {group(number).name for number in range(100)}
    assert store.transactions <= 3


async def test_refused_write_undoes_no_other(store: WatchedStore) -> None:
    writes = JoinedWrites(store)
    found = await outcomes(*(writes.run(adding(number)) for number in (1, 2, 2, 3)))
    assert [type(each) for each in found] == [type(None), type(None), ConflictError, type(None)]
    assert await store.groups() == {group(number).name for number in (1, 2, 3)}


async def test_failed_transaction_fails_all_its_writes_and_none_after(store: WatchedStore) -> None:
    writes, store.failing = JoinedWrites(store), 2  # the first write is alone in its transaction
    found = await outcomes(*(writes.run(adding(number)) for number in range(3)))
    assert [type(each) for each in found] == [StorageError] * 3
    assert await store.groups() == set()
    await writes.run(adding(7))
    assert await store.groups() == {group(7).name}


_CALLER = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 12) | st.none())


@given(st.lists(_CALLER, max_size=12), st.integers(0, 2))
@examples(300)
def test_callers_that_are_cancelled_or_fail_at_any_time_disturb_no_other(
    callers: list[tuple[int, int, int | None]], failing: int
) -> None:
    async def run() -> None:
        store = WatchedStore(InMemoryStore())
        writes, store.failing = JoinedWrites(store), failing
        tasks = []
        for number, turns, _ in callers:
            tasks.append(asyncio.create_task(writes.run(adding(number, turns))))
            await asyncio.sleep(0)
        for turn in range(13):
            for task, (_, _, cancelled_at) in zip(tasks, callers, strict=True):
                if cancelled_at == turn:
                    task.cancel()
            await asyncio.sleep(0)
        found = await outcomes(*tasks)
        stored = await store.groups()
        for (number, _, cancelled_at), outcome in zip(callers, found, strict=True):
            if outcome is None or isinstance(outcome, ConflictError):
                assert group(number).name in stored
            elif isinstance(outcome, asyncio.CancelledError):
                assert cancelled_at is not None
            else:
                assert isinstance(outcome, StorageError)
        succeeded = [
            number for (number, _, _), outcome in zip(callers, found, strict=True) if outcome is None
        ]
        assert len(succeeded) == len(set(succeeded))
        store.failing = 0
        await writes.run(adding(99))
        assert group(99).name in await store.groups()

    asyncio.run(run())
