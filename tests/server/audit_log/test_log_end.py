"""Opening a log that a crash or a change of its files has left in an unclean state."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.domain.audit.events import AuditAction, AuditRecord
from ambassador_server.errors import ConfigurationError
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import (
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


async def write(directory: Path, numbers: range, *, segment_max_bytes: int = 10**6) -> list[AuditRecord]:
    options = AuditLogOptions(segment_max_bytes=segment_max_bytes)
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock(), options=options)
    await append_all(log, numbers)
    records = await read_all(log)
    await log.close()
    return records


async def test_reopened_log_goes_on_in_the_same_segment(tmp_path: Path):
    before = await write(tmp_path, range(3))
    after = await write(tmp_path, range(3, 6))
    assert after[:3] == before
    assert [record.seq for record in after] == [2, 3, 4, 6, 7, 8]
    assert len(segments(tmp_path)) == 1
    found = verify(tmp_path)
    assert (found.ok, found.records) == (True, 6)


@pytest.mark.parametrize(
    "torn",
    [
        b'{"event":{"action":"call:to',
        b'{"event":{},"prev":"00","seq":5}',
        b"\x00" * 4096,
        b"\x00" * 100 + b"\n",
        b'{"event":{"action":"call:to\n',
        b"\xff\xfe\n",
        b"\n",
    ],
)
async def test_torn_tail_is_cut_off_kept_and_recorded(tmp_path: Path, torn: bytes):
    before = await write(tmp_path, range(3))
    [segment] = segments(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(whole + torn)
    assert (tail := verify(tmp_path).writers[0].torn) is not None
    assert (tail.segment, tail.offset, tail.size) == (1, len(whole), len(torn))

    after = await write(tmp_path, range(3, 4))
    recovery, last = after[3:]
    assert after[:3] == before
    assert recovery.event.action is AuditAction.LOG_RECOVERY
    assert recovery.event.details == {
        "dropped_bytes": len(torn),
        "segment": 1,
        "side_file": "00000001.torn",
    }
    assert last.event == numbered(3)
    assert (tmp_path / WRITER / "00000001.torn").read_bytes() == torn
    assert segment.read_bytes().startswith(whole)
    assert verify(tmp_path).ok


async def test_second_torn_tail_does_not_overwrite_the_first(tmp_path: Path):
    for number, torn in enumerate([b"first", b"second"]):
        await write(tmp_path, range(number, number + 1))
        with segments(tmp_path)[0].open("ab") as file:
            file.write(torn)
    await write(tmp_path, range(2, 3))
    assert (tmp_path / WRITER / "00000001.torn").read_bytes() == b"firstsecond"
    assert verify(tmp_path).ok


@pytest.mark.parametrize("header", [b"", b'{"header":{"created":"2026'])
async def test_segment_without_a_header_is_replaced(tmp_path: Path, header: bytes):
    before = await write(tmp_path, range(10), segment_max_bytes=1500)
    *_, last = segments(tmp_path)
    number = int(last.stem) + 1
    last.with_name(f"{number:08d}.jsonl").write_bytes(header)
    after = await write(tmp_path, range(10, 20), segment_max_bytes=1500)
    assert requests(after) == [f"r-{n}" for n in range(20)]
    assert after[: len(before)] == before
    found = verify(tmp_path)
    assert (found.ok, found.faults) == (True, ())


async def test_first_segment_without_a_header_is_replaced(tmp_path: Path):
    (tmp_path / WRITER).mkdir()
    (tmp_path / WRITER / "00000001.jsonl").write_bytes(b"")
    assert requests(await write(tmp_path, range(2))) == ["r-0", "r-1"]
    assert verify(tmp_path).ok


def _flip(line: bytes) -> bytes:
    return line.replace(b"weather", b"weathes")


def _garbage(line: bytes) -> bytes:
    return b"?" + line[1:]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda found: [*found[:2], _flip(found[2]), *found[3:]], "line 3, record 3: the record was changed"),
        (
            lambda found: [*found[:2], _garbage(found[2]), *found[3:]],
            "line 3, record 3: this is not a line of",
        ),
        (lambda found: [*found[:2], *found[3:]], "line 3, record 4: the sequence number should be 3"),
        (lambda found: found[1:], "line 1, record 2: the segment does not begin with a header"),
        (lambda found: [found[0], *found], "line 2, record 1: a header stands among the records"),
    ],
)
async def test_log_broken_before_its_end_is_refused_naming_the_line(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], place: str
):
    await write(tmp_path, range(5))
    [segment] = segments(tmp_path)
    broken = b"".join(change(segment.read_bytes().splitlines(keepends=True)))
    segment.write_bytes(broken)
    with pytest.raises(ConfigurationError) as caught:
        await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    assert f"{segment}, {place}" in caught.value.message
    assert caught.value.hint is not None
    assert segment.read_bytes() == broken


async def test_refused_log_is_unlocked(tmp_path: Path):
    await write(tmp_path, range(5))
    [segment] = segments(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(_flip(whole))
    with pytest.raises(ConfigurationError):
        await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    segment.write_bytes(whole)
    assert len(await write(tmp_path, range(5, 6))) == 6


async def test_segment_of_a_newer_format_is_refused(tmp_path: Path):
    await write(tmp_path, range(1))
    [segment] = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b'"format":1', b'"format":2', 1))
    with pytest.raises(ConfigurationError, match="format 2 is not one this version can read"):
        await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())


async def test_opening_reads_the_last_segment_only(tmp_path: Path):
    await write(tmp_path, range(20), segment_max_bytes=1500)
    first, *_ = segments(tmp_path)
    first.write_bytes(_flip(first.read_bytes()))
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    await log.append(numbered(20))
    await log.close()
    assert [fault.segment for fault in verify(tmp_path).faults] == [1]
    assert lines(segments(tmp_path)[-1])[0]["header"]["segment"] == len(segments(tmp_path))
