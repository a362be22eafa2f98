"""Verification names the first broken record of a writer exactly."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_protocol.audit.results import Fault
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, append_all, lines, segments, verify


@pytest.fixture
async def audit(tmp_path: Path) -> Path:
    """Return a log of one writer with thirty records in several segments."""
    options = AuditLogOptions(segment_max_bytes=4000)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock(), options=options)
    await append_all(log, range(30))
    await log.close()
    assert len(segments(tmp_path)) >= 4
    return tmp_path


def rewrite(segment: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    segment.write_bytes(b"".join(change(segment.read_bytes().splitlines(keepends=True))))


def flip(line: int, old: bytes, new: bytes) -> Callable[[list[bytes]], list[bytes]]:
    def change(found: list[bytes]) -> list[bytes]:
        assert old in found[line - 1]
        return [*found[: line - 1], found[line - 1].replace(old, new, 1), *found[line:]]

    return change


def only_fault(audit: Path) -> Fault:
    found = verify(audit)
    assert not found.ok
    [fault] = found.faults
    assert fault.writer == WRITER
    return fault


def test_records_of_an_intact_log_are_counted(audit: Path):
    found = verify(audit)
    [writer] = found.writers
    last = lines(segments(audit)[-1])[-1]
    assert (found.ok, found.records, found.faults) == (True, 30, ())
    assert (writer.segments, writer.torn) == (len(segments(audit)), None)
    assert (writer.tip.seq, writer.tip.digest) == (last["seq"], last["digest"])


def test_every_flipped_bit_of_a_record_is_found(audit: Path):
    segment = segments(audit)[1]
    whole = segment.read_bytes()
    second, third = whole.splitlines(keepends=True)[1:3]
    start = whole.index(second)
    seqs = {lines(segment)[1]["seq"], lines(segment)[2]["seq"]}
    for offset in range(start, start + len(second), 7):
        for bit in (0, 5):
            changed = bytearray(whole)
            changed[offset] ^= 1 << bit
            segment.write_bytes(changed)
            fault = only_fault(audit)
            assert (fault.segment, fault.line) == (2, 2), (offset, fault)
            assert fault.seq in seqs or "sequence number" in fault.problem
    segment.write_bytes(whole)
    assert third in whole
    assert verify(audit).ok


def test_changed_prev_is_a_fault_of_its_own_record(audit: Path):
    segment = segments(audit)[0]
    digest = lines(segment)[2]["prev"].encode()
    other = (b"1" if digest[:1] == b"0" else b"0") + digest[1:]
    rewrite(segment, flip(3, digest, other))
    fault = only_fault(audit)
    assert (fault.line, fault.seq) == (3, 3)
    assert "record was changed" in fault.problem


def test_changed_last_record_of_a_segment_is_a_fault_there(audit: Path):
    segment = segments(audit)[0]
    last = lines(segment)[-1]
    assert last["checkpoint"]["reason"] == "rotation"
    rewrite(segment, flip(len(lines(segment)), b"2026", b"2025"))
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (1, len(lines(segment)), last["seq"])
    assert "forged or changed" in fault.problem


def test_deleted_line_is_a_fault_of_the_next(audit: Path):
    rewrite(segments(audit)[1], lambda found: found[:3] + found[4:])
    expected = lines(segments(audit)[1])[2]["seq"] + 1
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (2, 4, expected + 1)
    assert fault.problem == f"the sequence number should be {expected}"


def test_swapped_lines_are_a_fault_of_the_first(audit: Path):
    rewrite(segments(audit)[0], lambda found: [*found[:2], found[3], found[2], *found[4:]])
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (1, 3, 4)


def test_doubled_line_is_a_fault(audit: Path):
    rewrite(segments(audit)[0], lambda found: [*found[:3], found[2], *found[3:]])
    fault = only_fault(audit)
    assert (fault.line, fault.seq) == (4, 3)


def test_segment_cut_inside_a_line_is_a_fault(audit: Path):
    segment = segments(audit)[1]
    segment.write_bytes(segment.read_bytes()[:-20])
    fault = only_fault(audit)
    assert (fault.segment, fault.line) == (2, len(segment.read_bytes().splitlines()))
    assert fault.problem == "the line is cut off"


def test_segment_cut_between_lines_is_a_fault_at_its_end(audit: Path):
    rewrite(segments(audit)[1], lambda found: found[:-2])
    left = lines(segments(audit)[1])
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (2, len(left), left[-1]["seq"] + 1)
    assert fault.problem == f"the records up to {left[-1]['seq'] + 2} are missing behind this line"


def test_emptied_segment_is_a_fault(audit: Path):
    segments(audit)[1].write_bytes(b"")
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.problem) == (2, 1, "the segment is empty")


def test_missing_segment_is_a_fault(audit: Path):
    first_missing = lines(segments(audit)[2])[0]["seq"]
    segments(audit)[2].unlink()
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (3, None, first_missing)
    assert str(fault) == f"{WRITER}/00000003.jsonl, record {first_missing}: the segment is missing"


def test_segment_of_another_writer_is_a_fault(audit: Path):
    (audit / WRITER).rename(audit / "node-9")
    [fault] = verify(audit).faults
    assert (fault.writer, fault.line) == ("node-9", 1)
    assert "belongs to segment 1 of writer 'node-1'" in fault.problem


def test_beginning_removed_without_a_statement_is_a_fault(audit: Path):
    first, second, *_ = segments(audit)
    first.unlink()
    second.unlink()
    fault = only_fault(audit)
    assert (fault.segment, fault.line, fault.seq) == (1, None, 1)
    assert "no signed checkpoint says that it was pruned" in fault.problem


def test_torn_tail_is_reported_and_is_not_a_fault(audit: Path):
    *_, last = segments(audit)
    size = last.stat().st_size
    with last.open("ab") as file:
        file.write(b'{"event":')
    found = verify(audit)
    assert found.ok
    torn = found.writers[0].torn
    assert torn is not None
    assert (torn.segment, torn.offset, torn.size) == (len(segments(audit)), size, 9)


async def test_broken_writer_does_not_hide_others(audit: Path):
    log = await JsonlAuditLog.open(audit, "node-2", signer=SIGNER, clock=ManualClock())
    await append_all(log, range(3))
    found = verify(audit)
    assert [(writer.writer, writer.records) for writer in found.writers] == [(WRITER, 30), ("node-2", 3)]
    rewrite(segments(audit)[0], flip(1, b"node-1", b"node-0"))
    assert [writer.fault is None for writer in verify(audit).writers] == [False, True]
    await log.close()


def test_verifying_a_missing_directory_is_an_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "nowhere")
