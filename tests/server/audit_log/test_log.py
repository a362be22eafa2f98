"""The log on disk: the content of its files, when they are written, and when the next segment begins."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from stat import S_IMODE

import pytest
from msgspec.structs import replace

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.errors import AuditUnavailableError, ConfigurationError
from tests.fakes.clock import START, ManualClock
from tests.patience import PATIENCE
from tests.server.audit_log.samples import (
    EVENT,
    SIGNER,
    WRITER,
    append_all,
    lines,
    numbered,
    read_all,
    requests,
    segments,
    verify,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def log(tmp_path: Path, clock: ManualClock) -> AsyncIterator[JsonlAuditLog]:
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    yield log
    await log.close()


@pytest.fixture
async def recovered() -> AsyncIterator[asyncio.Event]:
    """An event that is set when the log reports that it takes records again."""
    event = asyncio.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "takes records again" in record.msg:
                event.set()

    logger, listener = logging.getLogger("ambassador_server.audit_log"), Listener()
    logger.addHandler(listener)
    yield event
    logger.removeHandler(listener)


async def test_each_line_names_the_digest_of_the_one_before(log: JsonlAuditLog, tmp_path: Path):
    await append_all(log, range(3))
    header, *records = lines(segments(tmp_path)[0])
    assert header["header"] == {
        "created": "2026-01-01T00:00:00.000Z",
        "format": 1,
        "key": SIGNER.key_id,
        "segment": 1,
        "writer": WRITER,
    }
    assert [line["seq"] for line in (header, *records)] == [1, 2, 3, 4]
    assert header["prev"] == "0" * 64
    assert [record["prev"] for record in records] == [header["digest"], *(r["digest"] for r in records[:-1])]


async def test_chain_can_be_checked_with_sha256sum(log: JsonlAuditLog, tmp_path: Path):
    await append_all(log, range(2))
    second, third = segments(tmp_path)[0].read_bytes().splitlines()[1:3]
    pipe = asyncio.subprocess.PIPE
    tool = await asyncio.create_subprocess_exec("sha256sum", stdin=pipe, stdout=pipe)
    async with asyncio.timeout(PATIENCE):
        printed, _ = await tool.communicate(second)
    assert b'"prev":"' + printed.split()[0] + b'"' in third


async def test_records_are_canonical_json(log: JsonlAuditLog, tmp_path: Path):
    await log.append(replace(EVENT, details={"b": 1, "a": {"d": 2, "c": 3}}))
    line = segments(tmp_path)[0].read_bytes().splitlines()[1]
    assert b'"details":{"a":{"c":3,"d":2},"b":1}' in line
    assert line.startswith(b'{"event":{"action":"call:tool:attempt","actor":{"id":')


async def test_only_the_owner_may_read_the_files(log: JsonlAuditLog, tmp_path: Path):
    assert S_IMODE((tmp_path / WRITER).stat().st_mode) == 0o700
    assert S_IMODE(segments(tmp_path)[0].stat().st_mode) == 0o600


async def test_records_of_one_turn_are_written_together(log: JsonlAuditLog, tmp_path: Path):
    [segment] = segments(tmp_path)
    before = segment.stat().st_size
    pending = [log.append(numbered(number)) for number in range(100)]
    assert segment.stat().st_size == before
    assert all(one is pending[0] for one in pending)
    await pending[0]
    assert len(lines(segment)) == 101


async def test_half_a_surrogate_pair_does_not_stop_a_record(log: JsonlAuditLog):
    await log.append(replace(EVENT, reason="broken \ud800 text", details={"\udfff": "x"}))
    [record] = await read_all(log)
    assert record.event.reason == "broken ? text"
    assert record.event.details == {"?": "x"}


@pytest.mark.parametrize("hopeless", [object(), {1: 2}, float("nan")])
async def test_event_without_a_json_form_fails_without_failing_the_log(log: JsonlAuditLog, hopeless: object):
    with pytest.raises(AuditUnavailableError, match="no JSON form"):
        await log.append(replace(EVENT, reason="\ud800", details={"value": hopeless}))
    assert log.failure() is None
    await log.append(EVENT)


async def test_full_queue_refuses_and_keeps_the_chain(tmp_path: Path, clock: ManualClock):
    options = AuditLogOptions(queue_max_records=3)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    pending = [log.append(numbered(number)) for number in range(5)]
    await pending[0]
    for refused in pending[3:]:
        with pytest.raises(AuditUnavailableError, match="queue is full"):
            await refused
    await log.append(numbered(5))
    assert requests(await read_all(log)) == ["r-0", "r-1", "r-2", "r-5"]
    await log.close()
    assert verify(tmp_path).ok


async def test_queue_is_bounded_in_bytes_too(tmp_path: Path, clock: ManualClock):
    log = await JsonlAuditLog.open(
        tmp_path, WRITER, signer=SIGNER, clock=clock, options=AuditLogOptions(queue_max_bytes=1000)
    )
    with pytest.raises(AuditUnavailableError, match="queue is full"):
        await log.append(replace(EVENT, details={"text": "x" * 2000}))
    await log.append(EVENT)
    await log.close()


async def test_argument_of_a_megabyte_is_one_line(log: JsonlAuditLog, tmp_path: Path):
    argument = "é\n" * (1024 * 1024 // 3)
    await asyncio.gather(
        *(log.append(replace(numbered(n), details={"argument": argument})) for n in range(3))
    )
    assert [record.event.details["argument"] for record in await read_all(log)] == [argument] * 3
    assert segments(tmp_path)[0].stat().st_size > 3 * 1024 * 1024
    await log.close()
    assert verify(tmp_path).ok


async def test_large_segment_is_followed_by_the_next(tmp_path: Path, clock: ManualClock):
    options = AuditLogOptions(segment_max_bytes=2000)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    await append_all(log, range(20))
    files = segments(tmp_path)
    assert [file.name for file in files[:2]] == ["00000001.jsonl", "00000002.jsonl"]
    assert lines(files[1])[0]["prev"] == lines(files[0])[-1]["digest"]
    assert requests(await read_all(log, limit=7)) == [f"r-{number}" for number in range(20)]
    await log.close()
    found = verify(tmp_path)
    assert (found.ok, found.records) == (True, 20)


async def test_old_segment_is_followed_by_the_next_also_after_a_restart(tmp_path: Path, clock: ManualClock):
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    clock.advance(23 * 3600)
    await log.append(numbered(0))
    await log.close()
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    await log.append(numbered(1))
    assert len(segments(tmp_path)) == 1
    clock.advance(3601)
    await log.append(numbered(2))
    assert len(segments(tmp_path)) == 2
    await log.close()
    assert verify(tmp_path).ok


async def test_clock_that_is_set_back_changes_nothing(tmp_path: Path):
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    await log.append(numbered(0))
    await log.close()
    earlier = ManualClock(START - timedelta(days=30))
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=earlier)
    await log.append(replace(numbered(1), at=earlier.now()))
    assert requests(await read_all(log)) == ["r-0", "r-1"]
    assert len(segments(tmp_path)) == 1
    await log.close()
    assert verify(tmp_path).ok


@pytest.mark.parametrize("policy", Fsync)
async def test_every_fsync_policy_writes_and_reads(tmp_path: Path, clock: ManualClock, policy: Fsync):
    options = AuditLogOptions(fsync=policy, segment_max_bytes=3000)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    await asyncio.gather(*(append_all(log, range(start, start + 10)) for start in range(0, 100, 10)))
    assert len(await read_all(log)) == 100
    await log.close()
    found = verify(tmp_path)
    assert (found.ok, found.records) == (True, 100)


async def test_second_writer_is_refused_while_the_log_is_open(
    log: JsonlAuditLog, tmp_path: Path, clock: ManualClock
):
    with pytest.raises(ConfigurationError, match=f"Another server writes to .*{WRITER}"):
        await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    other = await JsonlAuditLog.open(tmp_path, "node-2", signer=SIGNER, clock=clock)
    await other.append(EVENT)
    await other.close()
    await log.append(EVENT)
    await log.close()
    again = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)
    await again.close()


@pytest.mark.parametrize("writer", ["", "..", "a/b", ".hidden", "x" * 101])
async def test_writer_must_name_a_directory(tmp_path: Path, clock: ManualClock, writer: str):
    with pytest.raises(ConfigurationError, match="cannot name an audit writer"):
        await JsonlAuditLog.open(tmp_path, writer, signer=SIGNER, clock=clock)


async def test_directory_that_cannot_be_created_is_a_configuration_error(tmp_path: Path, clock: ManualClock):
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await JsonlAuditLog.open(tmp_path / "audit", WRITER, signer=SIGNER, clock=clock)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no directory without write access")
async def test_directory_without_write_access_is_a_configuration_error(clock: ManualClock):
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await JsonlAuditLog.open(Path("/proc/self"), WRITER, signer=SIGNER, clock=clock)


async def test_deleted_segment_is_noticed_and_recorded_in_a_new_one(log: JsonlAuditLog, tmp_path: Path):
    await log.append(numbered(0))
    segments(tmp_path)[0].unlink()
    with pytest.raises(AuditUnavailableError, match="deleted"):
        await log.append(numbered(1))
    assert log.probe() is None
    await log.append(numbered(2))
    [segment] = segments(tmp_path)
    header, checkpoint, recovery, record = lines(segment)
    assert checkpoint["checkpoint"]["reason"] == "recovery"
    assert (segment.name, header["header"]["segment"]) == ("00000002.jsonl", 2)
    assert recovery["event"]["action"] == AuditAction.LOG_RECOVERY
    assert recovery["event"]["details"] == {"failure": "the file was deleted", "refused": 1}
    assert record["seq"] == recovery["seq"] + 1
    [fault] = verify(tmp_path).faults
    assert (fault.segment, fault.line) == (1, None)
    assert "the segment is missing" in fault.problem


async def test_directory_moved_away_is_noticed_by_the_probe(
    log: JsonlAuditLog, tmp_path: Path, clock: ManualClock
):
    await log.append(numbered(0))
    (tmp_path / WRITER).rename(tmp_path / "moved")
    assert log.probe() is None
    await log.append(numbered(1))
    assert [segment.name for segment in segments(tmp_path)] == ["00000002.jsonl"]
    with pytest.raises(ConfigurationError, match="Another server"):
        await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock)


async def test_directory_moved_away_is_noticed_by_the_next_sync(
    tmp_path: Path, clock: ManualClock, recovered: asyncio.Event
):
    options = AuditLogOptions(fsync_interval=0.01, retry_interval=0.01)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    await log.append(numbered(0))
    (tmp_path / WRITER).rename(tmp_path / "moved")
    async with asyncio.timeout(PATIENCE):
        await recovered.wait()
    await log.append(numbered(1))
    assert requests(await read_all(log)) == ["r-1"]
    await log.close()


@pytest.mark.parametrize("damage", [lambda fd: os.write(fd, b"x\n"), lambda fd: os.ftruncate(fd, 50)])
async def test_file_changed_by_another_program_is_not_continued(log: JsonlAuditLog, tmp_path: Path, damage):
    await log.append(numbered(0))
    fd = os.open(segments(tmp_path)[0], os.O_WRONLY | os.O_APPEND)
    damage(fd)
    os.close(fd)
    with pytest.raises(AuditUnavailableError, match="another program changed"):
        await log.append(numbered(1))
    assert log.probe() is None
    await log.append(numbered(2))
    assert len(segments(tmp_path)) == 2
    [fault] = verify(tmp_path).faults
    assert fault.segment == 1


async def test_failed_log_recovers_after_the_retry_interval(
    tmp_path: Path, clock: ManualClock, recovered: asyncio.Event
):
    log = await JsonlAuditLog.open(
        tmp_path, WRITER, signer=SIGNER, clock=clock, options=AuditLogOptions(retry_interval=0.01)
    )
    segments(tmp_path)[0].unlink()
    with pytest.raises(AuditUnavailableError):
        await log.append(numbered(0))
    async with asyncio.timeout(PATIENCE):
        await recovered.wait()
    assert log.failure() is None
    await log.append(numbered(1))
    assert requests(await read_all(log)) == ["r-1"]
    await log.close()


async def test_failure_text_for_callers_names_no_path(log: JsonlAuditLog, tmp_path: Path):
    segments(tmp_path)[0].unlink()
    with pytest.raises(AuditUnavailableError) as caught:
        await log.append(EVENT)
    assert str(tmp_path) not in caught.value.message
    failure = log.failure()
    assert failure is not None
    assert str(tmp_path) in failure


async def test_records_already_written_can_be_read_while_the_log_fails(log: JsonlAuditLog, tmp_path: Path):
    await append_all(log, range(3))
    await log.read(None, 10)
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"half')
    with pytest.raises(AuditUnavailableError):
        await log.append(EVENT)
    assert requests(await read_all(log)) == ["r-0", "r-1", "r-2"]
