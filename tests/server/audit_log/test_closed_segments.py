"""A start verifies the last closed segments, and a broken one can be quarantined while the log goes on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_protocol.audit.public_keys import keys_by_id
from ambassador_protocol.audit.results import Fault
from ambassador_protocol.audit.verify import TimeRange, closed_fault
from ambassador_protocol.audit.verify import verify as verify_with
from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.closed_quarantine import BrokenClosedSegment, quarantine_closed_segment
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.audit_log.quarantine import unfinished_quarantine
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.anomalies import AnomalyKind
from ambassador_server.errors import AuditUnavailableError
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import (
    KEYS,
    SIGNER,
    WRITER,
    append_all,
    lines,
    numbered,
    read_all,
    rechained,
    requests,
    segments,
    verify,
)

SMALL = AuditLogOptions(segment_max_bytes=2500, checkpoint_records=2)


async def write(directory: Path, numbers: range) -> None:
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock(), options=SMALL)
    await append_all(log, numbers)
    await log.close()


def fault_of(directory: Path, *, max_bytes: int = 0) -> Fault | None:
    return closed_fault(directory / WRITER, keys_by_id(KEYS), max_bytes=max_bytes)


def change(segment: Path, before: bytes, after: bytes) -> None:
    content = segment.read_bytes()
    assert before in content
    segment.write_bytes(content.replace(before, after, 1))


def flip(segment: Path) -> None:
    change(segment, b"weather", b"weathes")


def rewrite(segment: Path) -> None:
    segment.write_bytes(rechained(segment.read_bytes().replace(b"weather", b"weathes", 1)))


def remove_the_last_line(segment: Path) -> None:
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:-1]))


def cut_within_the_last_line(segment: Path) -> None:
    segment.write_bytes(segment.read_bytes()[:-40])


def append_part_of_a_line(segment: Path) -> None:
    with segment.open("ab") as file:
        file.write(b'{"event":{')


def remove(segment: Path) -> None:
    segment.unlink()


def empty(segment: Path) -> None:
    segment.write_bytes(b"")


CHANGES: list[Callable[[Path], None]] = [
    flip,
    rewrite,
    remove_the_last_line,
    cut_within_the_last_line,
    append_part_of_a_line,
    remove,
    empty,
]


async def test_whole_log_has_no_fault(tmp_path: Path) -> None:
    assert fault_of_new(tmp_path) is None
    for numbers in (range(2), range(2, 40)):
        await write(tmp_path, numbers)
        assert fault_of(tmp_path) is None
        assert fault_of(tmp_path, max_bytes=10**6) is None


def fault_of_new(directory: Path) -> Fault | None:
    (directory / WRITER).mkdir()
    return fault_of(directory)


@pytest.mark.parametrize("attack", CHANGES)
@pytest.mark.parametrize("which", [-2, -3])
async def test_broken_closed_segment_is_named_and_quarantined(
    tmp_path: Path, attack: Callable[[Path], None], which: int
) -> None:
    await write(tmp_path, range(40))
    segment = segments(tmp_path)[which]
    number = int(segment.stem)
    attack(segment)
    content = segment.read_bytes() if segment.exists() else b""
    fault = fault_of(tmp_path)
    assert fault is not None
    assert fault.segment == number
    [named] = await JsonlArchive(tmp_path, SIGNER).closed_segments([WRITER, "gone"])
    assert (named.kind, named.writer, named.details["segment"]) == (
        AnomalyKind.SEGMENT_BROKEN,
        WRITER,
        number,
    )

    quarantine(tmp_path)
    assert segment.with_suffix(".quarantined").read_bytes() == content
    assert fault_of(tmp_path) is None
    await write(tmp_path, range(40, 60))
    found = verify(tmp_path)
    assert (found.faults, found.ok) == ((), True)
    assert [stated.segment for stated in found.writers[0].quarantined] == [number]
    for at in ("1999-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"):
        assert verify_with(tmp_path, KEYS, time_range=TimeRange(since=at)).faults == ()
    all_numbers = [line["seq"] for each in segments(tmp_path) for line in lines(each)]
    assert len(all_numbers) == len(set(all_numbers))


def quarantine(directory: Path) -> None:
    locked = WriterDirectory.lock(directory, WRITER)
    try:
        trusted = keys_by_id(KEYS)
        broken = BrokenClosedSegment.find(locked, WRITER, trusted)
        assert broken is not None
        quarantine_closed_segment(locked, WRITER, broken, trusted=trusted, signer=SIGNER, clock=ManualClock())
        assert unfinished_quarantine(locked, WRITER, trusted) is None
        assert BrokenClosedSegment.find(locked, WRITER, trusted) is None
    finally:
        locked.close()


async def test_late_statement_is_worth_nothing_without_its_signature_and_its_file(tmp_path: Path) -> None:
    await write(tmp_path, range(40))
    broken = segments(tmp_path)[-2]
    flip(broken)
    quarantine(tmp_path)
    gone, last = broken.with_suffix(".quarantined"), segments(tmp_path)[-1]
    content = gone.read_bytes()
    gone.write_bytes(content + b"x")
    assert "is not the file" in str(fault_of(tmp_path))
    gone.write_bytes(content)
    stated = last.read_bytes()
    change(last, b'"reason":"quarantine"', b'"reason":"quarantinf"')
    assert fault_of(tmp_path) is not None
    last.write_bytes(stated)
    change(segments(tmp_path)[-1], b'"prev":"', b'"prev":"0')
    assert fault_of(tmp_path) is not None


async def test_older_segments_are_verified_while_they_fit(tmp_path: Path) -> None:
    await write(tmp_path, range(60))
    files = segments(tmp_path)
    flip(files[0])
    assert fault_of(tmp_path) is None
    found = fault_of(tmp_path, max_bytes=10**6)
    assert found is not None
    assert found.segment == 1


async def test_missing_closed_segments_need_a_statement_of_their_prune(tmp_path: Path) -> None:
    await write(tmp_path, range(40))
    pruned = tmp_path / "pruned"
    shutil.copytree(tmp_path / WRITER, pruned / WRITER)
    for segment in segments(tmp_path)[:-1]:
        segment.unlink()
    assert "no signed checkpoint says that it was pruned" in str(fault_of(tmp_path))

    clock = ManualClock()
    log = await JsonlAuditLog.open(pruned, WRITER, signer=SIGNER, clock=clock, options=SMALL)
    clock.advance(10 * 86400)
    removal = await log.prunable(clock.now())
    assert removal is not None
    await log.prune(removal)
    await log.close()
    assert fault_of(pruned) is None


async def test_segment_that_a_failed_disk_left_incomplete_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await JsonlAuditLog.open(
        tmp_path, WRITER, signer=SIGNER, clock=ManualClock(), options=AuditLogOptions(fsync=Fsync.NEVER)
    )
    await append_all(log, range(3))
    whole = segments(tmp_path)[0].stat().st_size
    write_all, failing = os.write, True

    def write_in_part(fd: int, data: memoryview) -> int:
        if failing:
            write_all(fd, bytes(data)[:20])
            raise OSError(5, "Input/output error")
        return write_all(fd, data)

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", write_in_part)
    monkeypatch.setattr(os, "ftruncate", refuse)
    log._commit._segments.segment.distrusted = True
    with pytest.raises(AuditUnavailableError):
        await log.append(numbered(3))
    failing = False
    assert log.probe() is None
    await append_all(log, range(4, 6))
    await log.close()
    first, second = segments(tmp_path)
    assert first.stat().st_size == whole + 20
    assert lines(second)[1]["checkpoint"]["reason"] == "torn"
    assert (verify(tmp_path).faults, fault_of(tmp_path)) == ((), None)

    # Nothing but an incomplete last line is accepted there.
    content = first.read_bytes()
    for attack in (remove_the_last_line, flip, rewrite):
        first.write_bytes(content[:whole])
        attack(first)
        assert fault_of(tmp_path) is not None
        assert verify(tmp_path).faults
    for more in (content + b"\nx\n", content[: whole - 1]):
        first.write_bytes(more)
        assert fault_of(tmp_path) is not None
    first.write_bytes(content)
    change(second, b'"reason":"torn"', b'"reason":"torm"')
    assert verify(tmp_path).faults


async def test_records_after_a_quarantine_are_read(tmp_path: Path) -> None:
    await write(tmp_path, range(40))
    flip(segments(tmp_path)[-2])
    quarantine(tmp_path)
    await write(tmp_path, range(40, 42))
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock(), options=SMALL)
    assert requests(await read_all(log))[-2:] == ["r-40", "r-41"]
    await log.close()
