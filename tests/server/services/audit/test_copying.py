"""The copy of the log in the index: whole and without duplicates, whatever else moves the position."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.query import EVERYTHING
from ambassador_server.services.audit.copying import LogCopier
from tests.conformance.store_samples import event
from tests.effort import examples
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore

_STEPS = st.lists(st.sampled_from(["append", "first", "second", "restart", "empty"]), max_size=14)


class World:
    """A log, its index, and two processes that copy the one into the other."""

    def __init__(self) -> None:
        self.store, self.log = InMemoryStore(), FakeAuditLog()
        self.copiers = {
            name: LogCopier(store=self.store, log=self.log, clock=ManualClock())
            for name in ("first", "second")
        }

    async def take(self, step: str) -> None:
        match step:
            case "append":
                await self.log.append(event())
            case "restart" | "empty":
                async with self.store.write() as work:
                    await work.audit.restart()
                    if step == "empty":
                        await work.audit.remove(through=10**6, limit=10**6)
            case copier:
                await self.copiers[copier].copy()

    async def copy_all(self, copier: str) -> None:
        while not (await self.copiers[copier].copy()).complete:
            pass

    async def numbers(self) -> list[int]:
        async with self.store.read() as work:
            rows = await work.audit.after(EVERYTHING, limit=10**6, cursor=0)
        return sorted(row.record.seq for row in rows)


@given(_STEPS, st.sampled_from(["first", "second"]))
@examples(200)
def test_index_has_each_record_once_with_two_copiers(steps: list[str], last: str) -> None:
    async def run() -> None:
        world = World()
        for step in steps:
            await world.take(step)
        await world.copy_all(last)
        assert await world.numbers() == list(range(1, steps.count("append") + 1))

    asyncio.run(run())


async def test_index_that_was_emptied_is_filled_without_a_new_record() -> None:
    world = World()
    for _ in range(3):
        await world.take("append")
        assert (await world.copiers["first"].copy()).records == 1
    await world.take("empty")
    assert (await world.copiers["first"].copy()).records == 3
