"""When a batch is settled under each fsync policy, and the effects of a failing sync."""

import asyncio
import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ambassador_server.audit_log.options import Fsync
from ambassador_server.audit_log.segment import Segment
from ambassador_server.audit_log.syncer import Syncer
from ambassador_server.audit_log.write_batch import WriteBatch
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.errors import AuditUnavailableError
from tests.patience import PATIENCE


class ControlledSegment(Segment):
    """A real segment whose sync waits for the test or fails."""

    broken = False
    syncs = 0

    def __init__(self, directory: WriterDirectory, number: int, fd: int, size: int) -> None:
        super().__init__(directory, number, fd, size)
        self.entered = threading.Event()
        self.gate = threading.Event()

    def sync(self) -> None:
        self.entered.set()
        self.gate.wait(PATIENCE)
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        super().sync()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[WriterDirectory]:
    directory = WriterDirectory.lock(tmp_path, "node-1")
    yield directory
    directory.close()


@pytest.fixture
def segment(directory: WriterDirectory) -> ControlledSegment:
    return ControlledSegment.create(directory, 1, b"{}")


def make_syncer(
    directory: WriterDirectory, segment: Segment, policy: Fsync, failures: list[OSError] | None = None
) -> Syncer:
    noted = failures if failures is not None else []
    return Syncer(policy, 0.01, directory, segment, noted.append)


def written(segment: Segment) -> WriteBatch:
    segment.write(b"{}\n")
    return WriteBatch(asyncio.get_running_loop())


async def test_always_waits_for_the_disk_and_groups_the_batches_meanwhile(
    directory: WriterDirectory, segment: ControlledSegment
):
    syncer = make_syncer(directory, segment, Fsync.ALWAYS)
    batches = []
    for _ in range(10):
        batches.append(written(segment))
        syncer.wrote(batches[-1])
        await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(batch) for batch in batches]
    await asyncio.sleep(0)
    assert not any(future.done() for future in waiting)
    segment.gate.set()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*waiting)
    assert segment.syncs == 2
    await syncer.close()


async def test_interval_does_not_wait_but_durable_does(
    directory: WriterDirectory, segment: ControlledSegment
):
    syncer = make_syncer(directory, segment, Fsync.INTERVAL)
    before = syncer.durable
    batch = written(segment)
    syncer.wrote(batch)
    await batch
    assert syncer.durable == before
    segment.gate.set()
    async with asyncio.timeout(PATIENCE):
        await syncer.catch_up()
    assert syncer.durable == (1, segment.size) != before
    await syncer.close()


async def test_never_trusts_the_operating_system(directory: WriterDirectory, segment: ControlledSegment):
    syncer = make_syncer(directory, segment, Fsync.NEVER)
    batch = written(segment)
    syncer.wrote(batch)
    await batch
    await syncer.catch_up()
    assert syncer.durable == (1, segment.size)
    assert segment.syncs == 0
    segment.gate.set()
    await syncer.close()
    assert segment.syncs == 1


async def test_failed_sync_fails_the_waiting_batches_and_is_reported(
    directory: WriterDirectory, segment: ControlledSegment
):
    failures: list[OSError] = []
    syncer = make_syncer(directory, segment, Fsync.ALWAYS, failures)
    segment.broken = True
    first = written(segment)
    syncer.wrote(first)
    await asyncio.sleep(0)
    second = written(segment)
    syncer.wrote(second)
    segment.gate.set()
    for batch in (first, second):
        with pytest.raises(AuditUnavailableError, match="Input/output error"):
            async with asyncio.timeout(PATIENCE):
                await batch
    assert [failure.errno for failure in failures] == [errno.EIO]
    assert segment.distrusted
    assert segment.repair() is False

    following = Segment.create(directory, 2, b"{}")
    syncer.change_to(following)
    batch = written(following)
    syncer.wrote(batch)
    async with asyncio.timeout(PATIENCE):
        await batch
    assert len(failures) == 1
    await syncer.close()


async def test_late_failure_of_a_replaced_segment_does_not_fail_its_successor(
    directory: WriterDirectory, segment: ControlledSegment
):
    failures: list[OSError] = []
    syncer = make_syncer(directory, segment, Fsync.ALWAYS, failures)
    segment.broken = True
    batch = written(segment)
    syncer.wrote(batch)
    await asyncio.to_thread(segment.entered.wait, PATIENCE)
    segment.distrusted = True
    syncer.change_to(Segment.create(directory, 2, b"{}"))
    segment.gate.set()
    with pytest.raises(AuditUnavailableError):
        async with asyncio.timeout(PATIENCE):
            await batch
    await syncer.close()
    assert failures == []


async def test_closing_waits_for_the_running_sync_and_returns_its_error(
    directory: WriterDirectory, segment: ControlledSegment
):
    syncer = make_syncer(directory, segment, Fsync.ALWAYS)
    batch = written(segment)
    syncer.wrote(batch)
    waiting = asyncio.ensure_future(batch)
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(syncer.close())
    await asyncio.sleep(0)
    assert not closing.done()
    segment.gate.set()
    async with asyncio.timeout(PATIENCE):
        await waiting
        assert await closing is None


async def test_close_returns_the_error_of_the_last_sync(
    directory: WriterDirectory, segment: ControlledSegment
):
    syncer = make_syncer(directory, segment, Fsync.INTERVAL)
    segment.broken = True
    segment.gate.set()
    failure = await syncer.close()
    assert failure is not None
    assert failure.errno == errno.EIO
