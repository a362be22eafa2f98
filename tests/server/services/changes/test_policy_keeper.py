"""The policy keeper: one read serves every refresh requested before it began, and a failed read serves none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.errors import StorageError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.changes.policy_keeper import STALE_AFTER_SECONDS, PolicyKeeper
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.worlds import USER


class SlowStore(InMemoryStore):
    """A store whose reads wait for an event, and some of which fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0
        self.failing: set[int] = set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Open a view of the current state, and return it when the event is set."""
        self.reads += 1
        number = self.reads
        async with super().read() as work:
            await self.gate.wait()
            if number in self.failing:
                raise StorageError("The disk is on fire.")
            yield work

    async def add_user(self, number: int) -> None:
        """Commit a change of the policy."""
        async with self.write() as work:
            await work.users.add(replace(USER, user_id=f"u{number}", name=f"user-{number}"))


async def waiting(tasks: list[asyncio.Task[None]]) -> None:
    """Run every task until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_waiting_refreshes_share_one_read() -> None:
    store = SlowStore()
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    store.gate.clear()
    first = asyncio.create_task(keeper.refresh())
    await waiting([first])
    for number in range(10):
        await store.add_user(number)
    others = [asyncio.create_task(keeper.refresh()) for _ in range(10)]
    await waiting([first, *others])
    store.gate.set()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(first, *others)
    assert store.reads == 3
    assert len(keeper.snapshot.users) == 10


async def test_read_that_began_before_the_commit_is_not_used() -> None:
    store = SlowStore()
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    store.gate.clear()
    early = asyncio.create_task(keeper.refresh())
    await waiting([early])
    await store.add_user(1)
    late = asyncio.create_task(keeper.refresh())
    await waiting([early, late])
    store.gate.set()
    async with asyncio.timeout(PATIENCE):
        await early
        assert not keeper.snapshot.users
        await late
    assert keeper.snapshot.users.keys() == {"u1"}


@pytest.mark.parametrize("cancelled", [False, True], ids=["failed", "cancelled"])
async def test_failed_read_is_not_shared_with_later_refreshes(cancelled: bool) -> None:
    store = SlowStore()
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    store.gate.clear()
    store.failing = {2, 3}
    await store.add_user(1)
    tasks = [asyncio.create_task(keeper.refresh()) for _ in range(4)]
    await waiting(tasks)
    if cancelled:
        tasks[0].cancel()
    store.gate.set()
    async with asyncio.timeout(PATIENCE):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError if cancelled else StorageError)
    assert [type(end) for end in ends[1:]] == [StorageError, type(None), type(None)]
    assert keeper.snapshot.users.keys() == {"u1"}


async def test_policy_is_confirmed_from_the_moment_the_read_began() -> None:
    store, clock = SlowStore(), ManualClock()
    keeper = PolicyKeeper(store=store, clock=clock)
    assert keeper.is_stale()
    await keeper.refresh()
    store.gate.clear()
    slow = asyncio.create_task(keeper.refresh())
    await waiting([slow])
    clock.advance(STALE_AFTER_SECONDS + 0.1)
    assert keeper.is_stale()
    store.gate.set()
    async with asyncio.timeout(PATIENCE):
        await slow
    assert keeper.is_stale()
    await keeper.refresh()
    assert not keeper.is_stale()


async def test_listeners_are_told_once_of_each_new_snapshot() -> None:
    store = SlowStore()
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    told: list[Snapshot] = []
    keeper.subscribe(told.append)
    await keeper.refresh()
    await keeper.refresh()
    await store.add_user(1)
    await asyncio.gather(*(keeper.refresh() for _ in range(5)))
    async with store.write() as work:
        await work.users.replace(replace(USER, name="user-1", status=UserStatus.SUSPENDED))
    await keeper.refresh()
    assert [snapshot.version for snapshot in told] == [0, 1, 2]
    assert told[-1] is keeper.snapshot
    assert told[1].users["u1"].status is UserStatus.ACTIVE
