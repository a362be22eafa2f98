"""Requests give up when the database hangs, and wait when it is only busy."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.errors import StorageError
from ambassador_server.services.administration.health import Health
from ambassador_server.services.audit.delivery import AuditDeliveries
from ambassador_server.services.audit.log_indexing import InServerIndexer
from ambassador_server.services.audit.sink_positions import SinkPositions
from ambassador_server.services.shared.database_deadline import DATABASE_SECONDS, within_deadline
from tests.patience import PATIENCE
from tests.server.services.sign_in.test_sessions import build, open_session
from tests.server.services.world import World


class Queue:
    """Requests that are done one after the other, each when the test says so."""

    def __init__(self) -> None:
        self.steps = asyncio.Semaphore(0)

    @within_deadline
    async def ask(self) -> str:
        """Wait for one step."""
        await self.steps.acquire()
        return "done"


@pytest.fixture
async def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that advances the clock of the event loop."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])

    def forward(seconds: float) -> None:
        ahead[0] += seconds

    return forward


async def settle() -> None:
    """Run every task until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_readiness_is_denied_while_the_database_hangs() -> None:
    world = await World.build()
    health = Health(
        store=world.store,
        log=world.log,
        policy=world.policy,
        deliveries=no_deliveries(world),
        indexer=InServerIndexer(store=world.store, logs=[world.log], clock=world.clock),
        downstreams=world.downstreams,
        faults=tuple,
    )
    assert all((await health.checks()).values())
    world.store.answers.clear()
    async with asyncio.timeout(PATIENCE):
        assert not (await health.checks())["database"]
        world.store.answers.set()
        assert (await health.checks())["database"]


async def test_registration_gives_up_and_leaves_no_session() -> None:
    world, sessions = await build()
    world.store.answers.clear()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(StorageError, match="does not answer"):
            await open_session(sessions)
        world.store.answers.set()
        session, _ = await open_session(sessions)
    async with world.store.read() as work:
        opened = await work.sessions.open_sessions(world.clock.now())
    assert [each.session_id for each in opened] == [session.session_id]


async def test_requests_that_queue_keep_waiting_while_others_are_done(
    advance: Callable[[float], None],
) -> None:
    queue = Queue()
    waiting = [asyncio.create_task(queue.ask()) for _ in range(6)]
    await settle()
    for done in range(1, 7):
        advance(DATABASE_SECONDS * 0.75)
        queue.steps.release()
        await settle()
        assert sum(task.done() for task in waiting) == done
    assert await asyncio.gather(*waiting) == ["done"] * 6


async def test_requests_that_queue_give_up_when_nothing_is_done(advance: Callable[[float], None]) -> None:
    queue = Queue()
    waiting = [asyncio.create_task(queue.ask()) for _ in range(3)]
    await settle()
    advance(DATABASE_SECONDS * 0.75)
    queue.steps.release()
    await settle()
    advance(DATABASE_SECONDS * 1.1)
    async with asyncio.timeout(PATIENCE):
        first, *rest = await asyncio.gather(*waiting, return_exceptions=True)
    assert first == "done"
    assert [type(each) for each in rest] == [StorageError, StorageError]


def no_deliveries(world: World) -> AuditDeliveries:
    """Return deliveries without a sink."""
    return AuditDeliveries(
        sinks=(),
        logs=(),
        journal=(journal := FileSinkJournal(Path("unused"), "main")),
        stored=SinkPositions(store=world.store, journal=journal, node="main"),
        clock=world.clock,
        pause_after=Backoff(1, 1).after,
    )
