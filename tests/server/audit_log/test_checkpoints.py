"""Checkpoints are made in time, prove the records before them, and are verified with known keys only."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ambassador_protocol.audit.files import key_file_name
from ambassador_protocol.audit.lines import Tip, read_line
from ambassador_protocol.audit.public_keys import PublicKey, parse_public_keys
from ambassador_protocol.audit.verify import TimeRange
from ambassador_protocol.audit.verify import verify as verify_with
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.errors import ConfigurationError
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE
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

OTHER = AuditSigner({1: b"\x02" * 32})
BOTH = AuditSigner({1: b"\x01" * 32, 2: b"\x02" * 32})
OTHER_KEYS = [PublicKey.from_base64(text) for text in OTHER.public_keys.values()]


class TellingSigner(AuditSigner):
    """Sets an event when it has signed."""

    def __init__(self, seeds: dict[int, bytes]) -> None:
        super().__init__(seeds)
        self.signed = asyncio.Event()

    def sign(self, text: bytes, key_id: str) -> str:
        self.signed.set()
        return super().sign(text, key_id)


async def open_log(directory: Path, signer: AuditSigner = SIGNER, **options: Any) -> JsonlAuditLog:
    return await JsonlAuditLog.open(
        directory, WRITER, signer=signer, clock=ManualClock(), options=AuditLogOptions(**options)
    )


def reasons(directory: Path) -> list[str]:
    every = [line for segment in segments(directory) for line in lines(segment)]
    return [line["checkpoint"]["reason"] for line in every if "checkpoint" in line]


async def test_checkpoint_follows_a_number_of_records(tmp_path: Path):
    log = await open_log(tmp_path, checkpoint_records=10)
    await append_all(log, range(25))
    assert reasons(tmp_path) == ["records", "records"]
    assert requests(await read_all(log, limit=7)) == [f"r-{number}" for number in range(25)]
    [found] = verify(tmp_path).writers
    assert (found.records, found.uncovered, found.is_closed) == (25, 5, False)
    assert (found.covered_seq, found.checkpoints) == (22, 2)
    await log.close()
    [found] = verify(tmp_path).writers
    assert (found.uncovered, found.is_closed, found.fault) == (0, True, None)
    assert reasons(tmp_path)[-1] == "stop"


async def test_checkpoint_follows_in_time_after_a_record(tmp_path: Path):
    signer = TellingSigner({1: b"\x01" * 32})
    log = await open_log(tmp_path, signer, checkpoint_interval=0.01)
    await log.append(numbered(0))
    async with asyncio.timeout(PATIENCE):
        await signer.signed.wait()
    assert reasons(tmp_path) == ["time"]
    await log.close()
    assert verify(tmp_path).ok


async def test_checkpoint_of_the_next_start_proves_the_records_of_a_killed_server(tmp_path: Path):
    log = await open_log(tmp_path)
    await append_all(log, range(3))
    left = segments(tmp_path)[0].read_bytes()
    await log.close()
    segments(tmp_path)[0].write_bytes(left)
    signer = TellingSigner({1: b"\x01" * 32})
    log = await open_log(tmp_path, signer)
    [found] = verify(tmp_path).writers
    assert (found.adopted, found.uncovered, reasons(tmp_path)) == (3, 1, ["adopted"])
    marked = lines(segments(tmp_path)[0])[4]["checkpoint"]
    assert marked["head"] == lines(segments(tmp_path)[0])[3]["digest"]
    [*_, recovery] = await read_all(log)
    assert recovery.event.details == {"adopted": 3}
    await log.close()


async def test_closing_twice_writes_one_checkpoint(tmp_path: Path):
    for _ in range(2):
        await (await open_log(tmp_path)).close()
    assert reasons(tmp_path) == ["stop"]


async def test_segment_ends_with_a_checkpoint(tmp_path: Path):
    log = await open_log(tmp_path, segment_max_bytes=3000)
    await append_all(log, range(30))
    await log.close()
    assert len(segments(tmp_path)) > 3
    for segment in segments(tmp_path)[:-1]:
        assert lines(segment)[-1]["checkpoint"]["reason"] == "rotation"


async def test_partial_checkpoint_is_cut_off_like_any_torn_line(tmp_path: Path):
    log = await open_log(tmp_path)
    await append_all(log, range(3))
    await log.close()
    [segment] = segments(tmp_path)
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-40])
    log = await open_log(tmp_path)
    await log.append(numbered(3))
    await log.close()
    assert requests(await read_all(log)) == ["r-0", "r-1", "r-2", "r-3"]
    assert verify(tmp_path).ok
    assert verify(tmp_path).writers[0].is_closed


async def test_public_key_is_exported_beside_the_log(tmp_path: Path):
    await (await open_log(tmp_path, BOTH)).close()
    for key in (*KEYS, *OTHER_KEYS):
        assert parse_public_keys((tmp_path / key_file_name(key.key_id)).read_text()) == [key]
    assert [writer.writer for writer in verify(tmp_path).writers] == [WRITER]


async def test_new_key_is_introduced_by_the_old_one(tmp_path: Path):
    for signer in (SIGNER, BOTH, BOTH):
        log = await open_log(tmp_path, signer)
        await log.append(numbered(0))
        await log.close()
    assert reasons(tmp_path) == ["stop", "key", "stop", "stop"]
    [found] = verify_with(tmp_path, KEYS).writers
    assert (found.fault, found.checkpoints) == (None, 4)
    # With the new key alone the older signatures cannot be verified.
    [fault] = verify_with(tmp_path, OTHER_KEYS).faults
    assert f"signed with key {SIGNER.key_id}, which is not a trusted key" in fault.problem


async def test_key_without_a_hand_over_is_refused(tmp_path: Path):
    """A start without the key that signed the log cannot tell its checkpoints from forged ones."""
    log = await open_log(tmp_path, SIGNER)
    await log.append(numbered(0))
    await log.close()
    [segment] = segments(tmp_path)
    before = segment.read_bytes()
    with pytest.raises(ConfigurationError, match=f"key {SIGNER.key_id}, which is not a trusted key"):
        await open_log(tmp_path, OTHER)
    assert segment.read_bytes() == before


async def test_adopted_records_are_signed_by_the_key_that_the_log_expects(tmp_path: Path):
    """The old key marks what a killed process left before it introduces the new key."""
    log = await open_log(tmp_path, SIGNER)
    await append_all(log, range(3))
    left = segments(tmp_path)[0].read_bytes()
    await log.close()
    segments(tmp_path)[0].write_bytes(left)
    await (await open_log(tmp_path, BOTH)).close()
    assert reasons(tmp_path) == ["adopted", "key", "stop"]
    [found] = verify_with(tmp_path, KEYS).writers
    assert (found.fault, found.adopted) == (None, 3)


async def test_start_refuses_records_rewritten_under_a_checkpoint(tmp_path: Path):
    """The attacker computes the chain again around a changed record, but has no key to sign it."""
    log = await open_log(tmp_path, checkpoint_records=5)
    await append_all(log, range(8))
    await log.close()
    [segment] = segments(tmp_path)
    segment.write_bytes(rechained(segment.read_bytes().replace(b'"r-2"', b'"r-9"')))
    forged = segment.read_bytes()
    with pytest.raises(ConfigurationError, match="the signature of the checkpoint is wrong"):
        await open_log(tmp_path)
    assert segment.read_bytes() == forged
    assert not verify(tmp_path).ok


async def test_records_rewritten_without_checkpoints_are_marked_as_adopted(tmp_path: Path):
    log = await open_log(tmp_path, checkpoint_records=5)
    await append_all(log, range(8))
    await log.close()
    [segment] = segments(tmp_path)
    whole = segment.read_bytes().splitlines(keepends=True)
    unsigned = b"".join(line for line in whole if not line.startswith(b'{"checkpoint"'))
    segment.write_bytes(rechained(unsigned.replace(b'"r-2"', b'"r-9"')))
    await (await open_log(tmp_path)).close()
    [found] = verify(tmp_path).writers
    assert (found.fault, found.adopted) == (None, 8)


async def test_closed_segment_that_no_checkpoint_covers_is_a_fault(tmp_path: Path):
    log = await open_log(tmp_path, segment_max_bytes=3000)
    await append_all(log, range(8))
    await log.close()
    whole = [line for each in segments(tmp_path) for line in each.read_bytes().splitlines(keepends=True)]
    unsigned = rechained(b"".join(line for line in whole if not line.startswith(b'{"checkpoint"')))
    parts = unsigned.split(b'{"header"')[1:]
    for path, part in zip(segments(tmp_path), parts, strict=True):
        path.write_bytes(b'{"header"' + part)
    [fault] = verify(tmp_path).faults
    assert (fault.segment, fault.line) == (1, None)
    assert "the segment is closed, but no signed checkpoint covers its last" in fault.problem


async def test_symbolic_link_in_place_of_a_log_is_refused(tmp_path: Path):
    audit = tmp_path / "audit"
    log = await open_log(audit)
    await append_all(log, range(3))
    await log.close()
    (audit / WRITER).rename(tmp_path / "elsewhere")
    (audit / WRITER).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ConfigurationError, match="is a symbolic link"):
        await open_log(audit)
    [fault] = verify(audit).faults
    assert "the directory of the writer is a symbolic link" in fault.problem


async def test_segment_that_is_a_symbolic_link_is_a_fault(tmp_path: Path):
    log = await open_log(tmp_path / "audit")
    await append_all(log, range(3))
    await log.close()
    [segment] = segments(tmp_path / "audit")
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    [fault] = verify(tmp_path / "audit").faults
    assert "the segment is a symbolic link" in fault.problem


async def test_directory_without_records_is_not_whole(tmp_path: Path):
    assert not verify(tmp_path).ok
    await (await open_log(tmp_path)).close()
    assert not verify(tmp_path).ok
    segments(tmp_path)[0].unlink()
    [fault] = verify(tmp_path).faults
    assert fault.problem == "the writer has no log"


async def test_missing_writer_is_a_fault_when_it_is_named(tmp_path: Path):
    log = await open_log(tmp_path)
    await append_all(log, range(3))
    await log.close()
    assert verify_with(tmp_path, KEYS, expected=[WRITER]).ok
    [fault] = verify_with(tmp_path, KEYS, expected=[WRITER, "gone"]).faults
    assert (fault.writer, fault.problem) == ("gone", "the writer has no log")


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "seq": lambda checkpoint: checkpoint["seq"] - 1,
    "head": lambda checkpoint: checkpoint["head"][::-1],
    "at": lambda checkpoint: "2027-01-01T00:00:00.000Z",
    "writer": lambda checkpoint: "node-2",
    "reason": lambda checkpoint: "stop",
    "key": lambda checkpoint: OTHER.key_id,
    "signature": lambda checkpoint: SIGNER.sign(b"something else", SIGNER.key_id),
    "next_key": lambda checkpoint: OTHER_KEYS[0].base64(),
    "pruned": lambda checkpoint: {"first_seq": 1, "last_seq": 5, "segment": 1, "head": "0" * 64},
}


@pytest.mark.parametrize("member", FORGERIES)
async def test_forged_checkpoint_is_a_fault(tmp_path: Path, member: str):
    log = await open_log(tmp_path, checkpoint_records=3)
    await append_all(log, range(3))
    await log.close()
    [segment] = segments(tmp_path)
    found = segment.read_bytes().splitlines()
    forged = json.loads(found[4])
    forged["checkpoint"][member] = FORGERIES[member](forged["checkpoint"])
    found[4] = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    segment.write_bytes(b"".join(line + b"\n" for line in found))
    [fault] = verify(tmp_path).faults
    assert (fault.segment, fault.line, fault.seq) == (1, 5, 5)


async def test_rewritten_chain_without_the_key_is_a_fault(tmp_path: Path):
    """The chain is computed again around a changed record, so only the signature is wrong."""
    log = await open_log(tmp_path / "real", checkpoint_records=5)
    await append_all(log, range(5))
    await log.close()
    log = await open_log(tmp_path / "forged", OTHER, checkpoint_records=5)
    for number in range(5):
        await log.append(replace(numbered(number), reason="invented"))
    await log.close()
    [fault] = verify(tmp_path / "forged").faults
    assert (fault.line, "not a trusted key" in fault.problem) == (7, True)


async def test_missing_end_is_reported_and_an_anchor_makes_it_a_fault(tmp_path: Path):
    log = await open_log(tmp_path, checkpoint_records=5)
    await append_all(log, range(12))
    await log.close()
    kept = verify(tmp_path).writers[0].tip
    [segment] = segments(tmp_path)
    whole = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(whole[:-2]))
    found = verify(tmp_path)
    assert found.ok
    assert (found.writers[0].uncovered, found.writers[0].is_closed) == (1, False)

    [fault] = verify_with(tmp_path, KEYS, anchors={WRITER: kept}).faults
    assert (fault.seq, fault.line) == (kept.seq - 1, None)
    assert f"the anchor is record {kept.seq}" in fault.problem
    anchor = Tip(3, read_line(whole[3].rstrip(b"\n")).prev)  # type: ignore[union-attr]
    assert verify_with(tmp_path, KEYS, anchors={WRITER: anchor}).ok
    [fault] = verify_with(tmp_path, KEYS, anchors={WRITER: Tip(3, "0" * 64)}).faults
    assert fault.seq == 3
    [fault] = verify_with(tmp_path, KEYS, anchors={"gone": anchor}).faults
    assert (fault.writer, fault.seq) == ("gone", 1)


async def test_time_range_of_the_log_is_verified(tmp_path: Path):
    clock = ManualClock()
    options = AuditLogOptions(segment_max_age=3600)
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=clock, options=options)
    for number in range(6):
        await log.append(numbered(number))
        clock.advance(3600)
    await log.close()
    assert len(segments(tmp_path)) == 6
    time_range = TimeRange(since="2026-01-01T02:30:00.000Z", until="2026-01-01T04:00:00.000Z")
    [found] = verify_with(tmp_path, KEYS, time_range=time_range).writers
    assert (found.fault, found.segments, found.records) == (None, 3, 3)
    segments(tmp_path)[0].write_bytes(b"changed")
    assert verify_with(tmp_path, KEYS, time_range=time_range).ok
    assert not verify_with(tmp_path, KEYS).ok
