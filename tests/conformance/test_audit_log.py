"""The behaviour of every audit log: the real one and the fake."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLog
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import EVENT, SIGNER, numbered, read_all


@dataclass
class Subject:
    """A log, and functions that make it fail and work again."""

    log: AuditLog
    break_down: Callable[[], None]
    mend: Callable[[], None]


@pytest.fixture(params=["fake", "jsonl"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "fake":
        fake = FakeAuditLog("node-1")
        yield Subject(fake, fake.break_down, fake.mend)
        return
    directory = tmp_path / "node-1"
    log = await JsonlAuditLog.open(tmp_path, "node-1", signer=SIGNER, clock=ManualClock())

    def break_down() -> None:
        shutil.rmtree(directory)
        directory.write_text("not a directory")

    def mend() -> None:
        directory.unlink()
        log.probe()

    yield Subject(log, break_down, mend)
    await log.close()


async def test_event_is_read_back_unchanged(subject: Subject):
    await subject.log.append(EVENT)
    [record] = await read_all(subject.log)
    assert record.event == EVENT
    assert record.writer == subject.log.writer == "node-1"
    assert len(record.digest) == 64


async def test_records_keep_the_order_of_append_whether_awaited_or_not(subject: Subject):
    for number in range(20):
        pending = subject.log.append(numbered(number))
        if number % 3 == 0:
            await pending
    await subject.log.append(numbered(20))
    records = await read_all(subject.log)
    assert [record.event.request_id for record in records] == [f"r-{number}" for number in range(21)]
    assert [record.seq for record in records] == list(range(records[0].seq, records[0].seq + 21))
    assert len({record.digest for record in records}) == 21


async def test_reading_stops_at_the_limit_and_continues_after_it(subject: Subject):
    for number in range(10):
        await subject.log.append(numbered(number))
    assert await read_all(subject.log, limit=3) == await read_all(subject.log)


async def test_reading_at_the_end_returns_nothing_and_the_same_position(subject: Subject):
    assert await subject.log.read(None, 10) == ([], None)
    await subject.log.append(EVENT)
    _, position = await subject.log.read(None, 10)
    assert position is not None
    assert await subject.log.read(position, 10) == ([], position)
    await subject.log.append(numbered(1))
    records, behind = await subject.log.read(position, 10)
    assert [record.event.request_id for record in records] == ["r-1"]
    assert behind is not None
    assert behind.seq == records[0].seq


async def test_reading_from_after_the_end_is_refused(subject: Subject):
    await subject.log.append(EVENT)
    with pytest.raises(AuditUnavailableError):
        await subject.log.read(LogPosition(seq=99, segment=1, offset=10**6), 10)


async def test_cancelling_one_awaiter_does_not_affect_others(subject: Subject):
    async def record(number: int) -> None:
        await subject.log.append(numbered(number))

    impatient = asyncio.create_task(record(0))
    patient = asyncio.create_task(record(1))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert len(await read_all(subject.log)) == 2


async def test_one_append_may_be_awaited_by_several_tasks(subject: Subject):
    pending = subject.log.append(EVENT)

    async def wait() -> None:
        await pending

    await asyncio.gather(wait(), wait(), wait())
    await wait()


async def test_failure_refuses_until_the_log_works_again(subject: Subject):
    await subject.log.append(numbered(0))
    assert subject.log.failure() is None
    subject.break_down()
    with pytest.raises(AuditUnavailableError):
        await subject.log.append(numbered(1))
    assert subject.log.failure() is not None
    with pytest.raises(AuditUnavailableError):
        await subject.log.append(numbered(2))

    subject.mend()
    assert subject.log.failure() is None
    await subject.log.append(numbered(3))
    recovery, after = (await read_all(subject.log))[-2:]
    assert recovery.event.action is AuditAction.LOG_RECOVERY
    assert recovery.event.details["refused"] == 2
    assert after.event.request_id == "r-3"
    assert after.seq == recovery.seq + 1


async def test_failure_that_is_not_awaited_logs_no_warning(
    subject: Subject, caplog: pytest.LogCaptureFixture
):
    subject.break_down()
    for number in range(3):
        _ = subject.log.append(numbered(number))
    await asyncio.sleep(0)
    _ = subject.log.append(numbered(3))
    assert "never retrieved" not in caplog.text
    assert subject.log.failure() is not None
    subject.mend()


async def test_closing_writes_queued_records_and_refuses_more(subject: Subject):
    pending = subject.log.append(EVENT)
    await subject.log.close()
    await pending
    assert len(await read_all(subject.log)) == 1
    with pytest.raises(AuditUnavailableError):
        await subject.log.append(EVENT)
    await subject.log.close()


async def test_reading_stops_at_max_bytes_and_continues_from_there(subject: Subject):
    for number in range(10):
        await subject.log.append(numbered(number))
    one, position = await subject.log.read(None, 100, max_bytes=1)
    assert [record.event.request_id for record in one] == ["r-0"]
    assert await subject.log.count(position, 100) == 9
    some, behind = await subject.log.read(position, 100, max_bytes=1500)
    assert 1 < len(some) < 9
    rest, end = await subject.log.read(behind, 100)
    assert [record.event.request_id for record in (*some, *rest)] == [
        f"r-{number}" for number in range(1, 10)
    ]
    assert await subject.log.count(end, 100) == 0
    assert await subject.log.count(None, 100) == 10
    assert await subject.log.count(None, 4) == 4
