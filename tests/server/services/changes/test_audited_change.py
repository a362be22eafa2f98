"""A change is recorded, committed and in force, or the log records that it failed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import ConflictError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.administration.users import Users, UserSpec
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.audited_change import Changes
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.services.world import ROOT, World
from tests.server.worlds import GRANT, USER


class SlowToCommit(InMemoryStore):
    """A store whose commits wait until the test allows them."""

    def __init__(self, store: InMemoryStore) -> None:
        super().__init__()
        self.inner = store
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[UnitOfWork]:
        async with self.inner.write(durable=durable) as work:
            yield work
            self.asked.set()
            await self.gate.wait()


async def test_a_change_whose_administrator_hung_up_before_the_commit_is_recorded_as_failed():
    world = await World.build()
    store = SlowToCommit(world.store)
    recorder = Recorder(log=world.log, clock=world.clock)
    changes = Changes(store=store, policy=world.policy, recorder=recorder)

    async def remove_grant() -> None:
        async with changes.open(ROOT) as change:
            await change.work.grants.remove(GRANT.grant_id)
            change.record(AuditAction.GRANT_REMOVE, Resource(kind="grant", id=GRANT.grant_id, name=None))

    task = asyncio.create_task(remove_grant())
    async with asyncio.timeout(PATIENCE):
        await store.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)  # records that nobody waited for are written at the end of this turn
    outcomes = [event.outcome for event in world.log.events if event.action is AuditAction.GRANT_REMOVE]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.FAILED]
    async with world.store.read() as work:
        assert await work.grants.get(GRANT.grant_id) == GRANT


async def test_a_batch_of_changes_is_carried_out_as_a_whole_or_not_at_all():
    world = await World.build()
    users = Users(store=world.store, changes=world.changes, clock=world.clock)
    before = world.policy.snapshot

    async def both(second: str) -> None:
        async with world.changes.together(ROOT):
            await users.create(ROOT, "bob", UserSpec())
            await users.create(ROOT, second, UserSpec())

    with pytest.raises(ConflictError):
        await both(USER.name)
    assert world.policy.snapshot is before
    assert world.log.events == []
    await both("carol")
    assert {user.name for user in world.policy.snapshot.users.values()} == {USER.name, "bob", "carol"}
    assert world.policy.snapshot.version == before.version + 1
    assert [event.resource.name for event in world.log.events] == ["bob", "carol"]
