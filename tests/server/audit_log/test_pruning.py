"""Pruning removes old segments, the rest can be verified, and a removal without a statement is found."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.errors import AuditUnavailableError, InvalidInputError
from ambassador_server.services.audit.delivery import AuditDeliveries, SinkSettings
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.log_indexing import InServerIndexer
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.services.audit.sink_positions import SinkPositions
from tests.fakes.audit_sink import FakeReceiver, FakeSink
from tests.fakes.clock import START, ManualClock
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE
from tests.server.audit_log.samples import (
    SIGNER,
    WRITER,
    lines,
    numbered,
    read_all,
    requests,
    segments,
    verify,
)

DAY = 86400.0
SERVER = Requester(None, None)


class World:
    """A log of ten days, one segment each, and the services that prune it."""

    def __init__(self, log: JsonlAuditLog, clock: ManualClock, directory: Path) -> None:
        self.log, self.clock, self.store = log, clock, InMemoryStore()
        self.search = AuditSearch(
            store=self.store, indexer=InServerIndexer(store=self.store, logs=[log], clock=clock)
        )
        self.receiver = FakeReceiver()
        self.deliveries = AuditDeliveries(
            sinks=[
                SinkSettings(name="fake", kind="fake", sink=FakeSink(self.receiver, 65536), batch_records=2)
            ],
            logs=[log],
            journal=(journal := FileSinkJournal(directory, WRITER)),
            stored=SinkPositions(store=self.store, journal=journal, node=WRITER),
            clock=clock,
            pause_after=Backoff(0.01, 0.05).after,
        )
        recorder = Recorder(log=log, clock=clock)
        self.retention = AuditRetention(
            store=self.store,
            log=log,
            search=self.search,
            deliveries=self.deliveries,
            recorder=recorder,
            clock=clock,
        )

    async def deliver(self) -> None:
        """Deliver all records to the audit sink."""
        self.deliveries.start()
        async with asyncio.timeout(PATIENCE):
            await self.deliveries.close()

    async def remembers(self, before: timedelta) -> bool:
        """Tell whether the index has records before that time."""
        async with self.store.read() as work:
            return await work.audit.has_before(START + before)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    options = AuditLogOptions(segment_max_age=DAY)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    for number in range(10):
        await Recorder(log=log, clock=clock).event(
            AuditAction.SERVER_START, Outcome.SUCCEEDED, resource=numbered(number).resource
        )
        clock.advance(DAY)
    assert len(segments(tmp_path)) == 10
    world = World(log, clock, tmp_path)
    await world.deliver()
    yield world
    await log.close()


async def test_remaining_segments_are_verified_by_the_statement_of_the_removal(world: World, tmp_path: Path):
    first_kept = lines(segments(tmp_path)[6])[0]
    done = await world.retention.prune(SERVER, older_than=timedelta(days=3, hours=12))
    assert done.removal is not None
    assert (done.removal.segments, done.removal.first_seq) == (6, 1)
    assert (done.removal.last_seq, done.removal.head) == (first_kept["seq"] - 1, first_kept["prev"])
    assert segments(tmp_path)[0].name == "00000007.jsonl"
    [found] = verify(tmp_path).writers
    assert found.fault is None
    assert found.pruned is not None
    assert (found.pruned.segment, found.pruned.head, found.first_seq) == (
        6,
        first_kept["prev"],
        first_kept["seq"],
    )

    told = [r.event for r in await read_all(world.log) if r.event.action is AuditAction.AUDIT_PRUNE]
    assert [event.outcome for event in told] == [Outcome.PERMITTED, Outcome.SUCCEEDED]
    assert told[0].details["head"] == first_kept["prev"]
    assert told[1].details["indexed"] == done.indexed == 7


async def test_pruning_continues_where_it_ended_before(world: World, tmp_path: Path):
    for days in (8.5, 4.5, 2.5):
        await world.retention.prune(SERVER, older_than=timedelta(days=days), index=False)
        assert verify(tmp_path).ok
    await world.log.close()
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=world.clock)
    await log.close()
    assert verify(tmp_path).ok


async def test_index_and_log_are_pruned_independently(world: World, tmp_path: Path):
    await world.retention.prune(SERVER, older_than=timedelta(days=5), index=False)
    await world.search.catch_up()
    assert await world.remembers(timedelta(hours=1))
    done = await world.retention.prune(SERVER, older_than=timedelta(days=5), segments=False)
    assert (done.removal, done.indexed) == (None, 5)
    await world.search.catch_up()
    assert not await world.remembers(timedelta(days=5))
    assert await world.remembers(timedelta(days=5, hours=1))
    assert verify(tmp_path).ok


async def test_last_segment_is_never_removed(world: World, tmp_path: Path):
    world.clock.advance(1000 * DAY)
    await world.retention.prune(SERVER, older_than=timedelta(days=1))
    assert len(segments(tmp_path)) >= 1
    assert verify(tmp_path).ok
    assert AuditAction.AUDIT_PRUNE in {record.event.action for record in await read_all(world.log)}


async def test_retention_of_less_than_a_day_is_refused(world: World):
    for wrong in ({"older_than": timedelta(hours=23)}, {"segments": False, "index": False}):
        with pytest.raises(InvalidInputError):
            await world.retention.prune(SERVER, **{"older_than": timedelta(days=2)} | wrong)


async def test_automatic_retention_records_nothing_when_nothing_is_old(world: World, tmp_path: Path):
    await world.retention.keep(segments=None, index=None)
    await world.retention.keep(segments=timedelta(days=100), index=timedelta(days=100))
    assert requests(await read_all(world.log)) == [None] * 10
    await world.retention.keep(segments=timedelta(days=5), index=None)
    await world.retention.keep(segments=timedelta(days=5), index=None)
    told = [r for r in await read_all(world.log) if r.event.action is AuditAction.AUDIT_PRUNE]
    assert len(told) == 2
    assert verify(tmp_path).ok


async def test_interrupted_pruning_leaves_a_log_that_verifies(world: World, tmp_path: Path):
    """The process dies when the statement is on the disk and some of the files are removed."""
    removal = await world.log.prunable(START + timedelta(days=6))
    assert removal is not None
    copies = {path: path.read_bytes() for path in segments(tmp_path)[2 : removal.last_segment]}
    await world.log.prune(removal)
    for path, content in copies.items():
        path.write_bytes(content)
    assert segments(tmp_path)[0].stem == "00000003"
    assert verify(tmp_path).ok
    await world.retention.prune(SERVER, older_than=timedelta(days=4))
    assert verify(tmp_path).ok


async def test_missing_segment_that_was_not_pruned_is_a_fault(world: World, tmp_path: Path):
    await world.retention.prune(SERVER, older_than=timedelta(days=6))
    segments(tmp_path)[0].unlink()
    [fault] = verify(tmp_path).faults
    assert "no signed checkpoint says that it was pruned" in fault.problem


async def test_nothing_is_removed_when_the_statement_cannot_be_written(world: World, tmp_path: Path):
    removal = await world.log.prunable(START + timedelta(days=6))
    assert removal is not None
    before = segments(tmp_path)
    before[-1].unlink()
    with pytest.raises(AuditUnavailableError):
        await world.log.prune(removal)
    assert segments(tmp_path) == before[:-1]


async def test_calls_are_recorded_while_old_segments_are_removed(world: World, tmp_path: Path):
    pruning = asyncio.ensure_future(world.retention.prune(SERVER, older_than=timedelta(days=3)))
    for number in range(50):
        await world.log.append(numbered(number))
    await pruning
    assert len(requests(await read_all(world.log))) >= 50
    assert verify(tmp_path).ok


async def test_segment_that_an_audit_sink_has_not_read_stays(tmp_path: Path):
    clock = ManualClock()
    options = AuditLogOptions(segment_max_age=DAY)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    for number in range(10):
        await log.append(numbered(number))
        clock.advance(DAY)
    world = World(log, clock, tmp_path)
    nothing = await world.retention.prune(SERVER, older_than=timedelta(days=2), index=False)
    assert nothing.removal is None, "a sink that has read nothing needs everything"

    _, position = await log.read(None, 4)
    assert position is not None
    journal = FileSinkJournal(tmp_path, WRITER)
    world = World(log, clock, tmp_path)
    await SinkPositions(store=world.store, journal=journal, node=WRITER).save("fake", {WRITER: position})
    some = await world.retention.prune(SERVER, older_than=timedelta(days=2), index=False)
    assert some.removal is not None
    assert some.removal.last_segment == position.segment - 1 > 0

    await world.deliver()
    assert [one["request_id"] for one in world.receiver.documents][:6] == [f"r-{n}" for n in range(4, 10)]
    rest = await world.retention.prune(SERVER, older_than=timedelta(days=2), index=False)
    assert rest.removal is not None
    assert rest.removal.last_segment > 6
    assert verify(tmp_path).ok
    await log.close()


async def test_nothing_is_removed_when_the_position_of_a_sink_cannot_be_read(tmp_path: Path):
    clock = ManualClock()
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    (tmp_path / WRITER / "sinks").mkdir()
    (tmp_path / WRITER / "sinks" / "fake.position.json").write_text("{")
    with pytest.raises(AuditUnavailableError, match="positions of a sink"):
        await World(log, clock, tmp_path).retention.prune(SERVER, older_than=timedelta(days=2))
    await log.close()
