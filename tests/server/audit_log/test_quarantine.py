"""Quarantining a broken last segment: the log continues, and the verification accepts only the signed statement."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ambassador_protocol.audit.public_keys import keys_by_id
from ambassador_protocol.audit.verify import TimeRange
from ambassador_protocol.audit.verify import verify as verify_with
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.quarantine import (
    BrokenSegment,
    finish,
    quarantine_segment,
    unfinished_quarantine,
)
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.errors import ConfigurationError
from ambassador_server.ports.audit_index import LogPosition
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import (
    KEYS,
    SIGNER,
    WRITER,
    append_all,
    lines,
    numbered,
    quarantine_last,
    segments,
    verify,
)

OTHER = AuditSigner({2: b"\x02" * 32})
SMALL = AuditLogOptions(segment_max_bytes=2500, checkpoint_records=2)


async def open_log(directory: Path, clock: ManualClock | None = None) -> JsonlAuditLog:
    return await JsonlAuditLog.open(
        directory, WRITER, signer=SIGNER, clock=clock or ManualClock(), options=SMALL
    )


async def write(directory: Path, numbers: range) -> None:
    log = await open_log(directory)
    await append_all(log, numbers)
    await log.close()


def change_last(directory: Path, change: Callable[[bytes], bytes]) -> Path:
    last = segments(directory)[-1]
    last.write_bytes(change(last.read_bytes()))
    return last


def flip_last_event(content: bytes) -> bytes:
    before, found, after = content.rpartition(b"weather")
    assert found
    return before + b"weathes" + after


def forge_signature(content: bytes) -> bytes:
    before, found, after = content.rpartition(b'"signature":"')
    return before + found + (b"A" if after[:1] != b"A" else b"B") + after[1:]


CHANGES: list[Callable[[bytes], bytes]] = [
    flip_last_event,
    forge_signature,
    lambda content: b"?" + content[1:],
    lambda content: content.replace(b'"segment":', b'"segment":9', 1),
    lambda content: b"\n".join([*content.split(b"\n")[:2], b"\x00" * 900, b"", b"x\n"]),
    lambda content: (
        content.replace(b'"prev":"', b'"prev":"0', 1).replace(b'"prev":"0', b'"prev":"', 1) + b"?\n?\n"
    ),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("records", [2, 22])
async def test_log_continues_after_the_broken_segment(
    tmp_path: Path, change: Callable[[bytes], bytes], records: int
):
    await write(tmp_path, range(records))
    taken = {line["seq"] for segment in segments(tmp_path) for line in lines(segment)}
    broken_file = change_last(tmp_path, change)
    content = broken_file.read_bytes()
    with pytest.raises(ConfigurationError) as refused:
        await open_log(tmp_path)
    assert "audit quarantine" in (refused.value.hint or "")

    broken = quarantine_last(tmp_path)
    assert broken_file.with_suffix(".quarantined").read_bytes() == content
    assert not broken_file.exists()
    await write(tmp_path, range(records, records + 9))
    found = verify(tmp_path)
    assert (found.faults, found.ok) == ((), True)
    assert found.writers[0].quarantined == (broken.statement,)
    new = [line["seq"] for segment in segments(tmp_path) for line in lines(segment)]
    assert min(seq for seq in new if seq > broken.statement.last_seq) > max(taken)
    event = lines(tmp_path / WRITER / f"{broken.statement.segment + 1:08d}.jsonl")[1]["event"]
    assert event["action"] == AuditAction.LOG_QUARANTINE
    assert event["details"]["sha256"] == broken.statement.digest
    assert (event["details"]["line"], event["details"]["problem"]) == (
        broken.found.line,
        broken.found.problem,
    )


async def test_whole_log_is_left_alone(tmp_path: Path):
    await write(tmp_path, range(5))
    locked = WriterDirectory.lock(tmp_path, WRITER)
    assert BrokenSegment.find(locked, WRITER, keys_by_id(KEYS)) is None
    assert unfinished_quarantine(locked, WRITER, keys_by_id(KEYS)) is None
    locked.close()


async def test_segment_signed_with_a_foreign_key_is_quarantined(tmp_path: Path):
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=OTHER, clock=ManualClock(), options=SMALL)
    await append_all(log, range(3))
    await log.close()
    quarantine_last(tmp_path)
    await write(tmp_path, range(3, 6))
    assert verify(tmp_path).faults == ()


async def test_two_quarantines_in_a_row_are_verified(tmp_path: Path):
    await write(tmp_path, range(2))
    for change in (flip_last_event, lambda content: content + b"?\n?\n"):
        change_last(tmp_path, change)
        quarantine_last(tmp_path)
    await write(tmp_path, range(2, 6))
    found = verify(tmp_path).writers[0]
    assert (found.fault, len(found.quarantined)) == (None, 2)


async def test_interrupted_quarantine_is_finished(tmp_path: Path):
    await write(tmp_path, range(2))
    change_last(tmp_path, flip_last_event)
    broken = quarantine_last(tmp_path)
    gone = broken.path.with_suffix(".quarantined")
    gone.rename(broken.path)
    locked = WriterDirectory.lock(tmp_path, WRITER)
    number = unfinished_quarantine(locked, WRITER, keys_by_id(KEYS))
    assert number == broken.statement.segment
    assert verify(tmp_path).faults
    finish(locked, number)
    locked.close()
    assert verify(tmp_path).faults == ()


async def test_reader_goes_over_the_gap(tmp_path: Path):
    log = await open_log(tmp_path)
    await append_all(log, range(2))
    records, position = await log.read(None, 1)
    await log.close()
    assert position is not None
    change_last(tmp_path, flip_last_event)
    quarantine_last(tmp_path)
    log = await open_log(tmp_path)
    await log.append(numbered(7))
    behind = LogPosition(seq=position.seq, segment=position.segment, offset=position.offset + 1)
    for start in (position, behind):
        following, _ = await log.read(start, 10)
        assert [record.event.action for record in following] == [
            AuditAction.LOG_QUARANTINE,
            AuditAction.CALL_ATTEMPT,
        ]
        assert await log.count(start, 10) == 2
        assert not {record.seq for record in records} & {record.seq for record in following}
    await log.close()


async def broken_and_continued(directory: Path) -> BrokenSegment:
    await write(directory, range(22))
    change_last(directory, flip_last_event)
    broken = quarantine_last(directory)
    await write(directory, range(22, 44))
    assert verify(directory).faults == ()
    return broken


@pytest.mark.parametrize("member", ["digest", "head", "highest_seq", "last_seq", "line", "size"])
async def test_changed_statement_is_a_fault(tmp_path: Path, member: str):
    broken = await broken_and_continued(tmp_path)
    path = tmp_path / WRITER / f"{broken.statement.segment + 1:08d}.jsonl"
    found = path.read_bytes().splitlines(keepends=True)
    value = getattr(broken.statement, member)
    old = f'"{member}":"{value}"' if isinstance(value, str) else f'"{member}":{value}'
    new = f'"{member}":"{"0" * 64}"' if isinstance(value, str) else f'"{member}":{value + 1}'
    before, _, stated = found[2].partition(b'"quarantined":')
    assert old.encode() in stated
    found[2] = before + b'"quarantined":' + stated.replace(old.encode(), new.encode(), 1)
    path.write_bytes(b"".join(found))
    assert verify(tmp_path).faults


async def test_statement_that_is_consistent_but_not_signed_is_a_fault(tmp_path: Path):
    await write(tmp_path, range(2))
    change_last(tmp_path, flip_last_event)
    locked = WriterDirectory.lock(tmp_path, WRITER)
    broken = BrokenSegment.find(locked, WRITER, keys_by_id(KEYS))
    assert broken is not None
    quarantine_segment(locked, WRITER, broken, signer=OTHER, clock=ManualClock())
    locked.close()
    [fault] = verify(tmp_path).faults
    assert "not a trusted key" in fault.problem


async def test_changed_or_missing_quarantined_file_is_a_fault(tmp_path: Path):
    broken = await broken_and_continued(tmp_path)
    gone = broken.path.with_suffix(".quarantined")
    content = gone.read_bytes()
    gone.write_bytes(content.replace(b"?", b"!") + b"x")
    assert "is not the file" in verify(tmp_path).faults[0].problem
    gone.write_bytes(content[:-2] + b"x\n")
    assert "is not the file" in verify(tmp_path).faults[0].problem
    gone.unlink()
    assert "the segment is missing" in verify(tmp_path).faults[0].problem


async def test_segment_renamed_without_a_statement_is_a_fault(tmp_path: Path):
    await write(tmp_path, range(22))
    second = segments(tmp_path)[1]
    second.rename(second.with_suffix(".quarantined"))
    assert "no signed checkpoint after it says so" in verify(tmp_path).faults[0].problem


async def test_quarantine_can_be_pruned_over(tmp_path: Path):
    broken = await broken_and_continued(tmp_path)
    clock = ManualClock()
    log = await open_log(tmp_path, clock)
    for needed_from in (broken.statement.segment, broken.statement.segment + 1, None):
        removal = await log.prunable(clock.now() + timedelta(days=1), needed_from)
        if removal is not None:
            await log.prune(removal)
        assert verify(tmp_path).faults == ()
    await log.close()
    assert min(int(path.stem) for path in segments(tmp_path)) > broken.statement.segment
    assert broken.path.with_suffix(".quarantined").exists()
    assert verify(tmp_path).faults == ()


async def test_time_range_that_ends_in_the_quarantined_segment(tmp_path: Path):
    await broken_and_continued(tmp_path)
    until = "2000-01-01T00:00:00.000Z"
    assert verify_with(tmp_path, KEYS, time_range=TimeRange(until=until)).faults == ()
    assert verify_with(tmp_path, KEYS, time_range=TimeRange(since=until)).faults == ()
