"""A log is compared with the anchor that the database has of it."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ambassador_protocol.audit.public_keys import keys_by_id
from ambassador_server.audit_log.anchor_check import find_losses
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.quarantine import BrokenSegment, quarantine_segment
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.anchors import Anchor, LossKind
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import KEYS, SIGNER, WRITER, append_all

SMALL = AuditLogOptions(segment_max_bytes=4000)


async def logged(directory: Path, *, records: int = 40, prune: bool = False) -> Anchor:
    """Write records, stop in order, and return the anchor; with `prune`, the old segments are removed."""
    clock = ManualClock()
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=clock, options=SMALL)
    await append_all(log, range(records))
    if prune:
        clock.advance(10 * 86400)
        removal = await log.prunable(clock.now() - timedelta(days=2))
        assert removal is not None
        await log.prune(removal)
    await log.close()
    anchor = await log.anchor()
    assert anchor is not None
    return anchor


def kinds(directory: Path, anchor: Anchor) -> list[LossKind]:
    return [loss.kind for loss in find_losses(directory, [anchor], keys_by_id(KEYS))]


def last_segment(directory: Path) -> Path:
    return sorted((directory / WRITER).glob("*.jsonl"))[-1]


async def test_log_that_goes_on_after_its_anchor_has_lost_nothing(tmp_path: Path) -> None:
    first = await logged(tmp_path)
    assert kinds(tmp_path, first) == []
    second = await logged(tmp_path)
    assert second.seq > first.seq
    assert kinds(tmp_path, first) == kinds(tmp_path, second) == []


def cut_off_the_last_line(directory: Path) -> None:
    file = last_segment(directory)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def remove_the_last_segment(directory: Path) -> None:
    last_segment(directory).unlink()


def remove_the_segments(directory: Path) -> None:
    for file in (directory / WRITER).glob("*.jsonl"):
        file.unlink()


def remove_the_writer(directory: Path) -> None:
    shutil.rmtree(directory / WRITER)


def change_the_last_line(directory: Path) -> None:
    file = last_segment(directory)
    *before, last = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*before, last.replace(b'"reason":"stop"', b'"reason":"time"')]))


@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        (cut_off_the_last_line, LossKind.ENDS_BEFORE),
        (remove_the_last_segment, LossKind.ENDS_BEFORE),
        (remove_the_segments, LossKind.ENDS_BEFORE),
        (remove_the_writer, LossKind.WRITER_MISSING),
        (change_the_last_line, LossKind.DIFFERS),
    ],
)
async def test_attack_on_the_end_is_named(
    tmp_path: Path, attack: Callable[[Path], None], kind: LossKind
) -> None:
    anchor = await logged(tmp_path)
    attack(tmp_path)
    assert kinds(tmp_path, anchor) == [kind]


async def test_new_log_in_the_place_of_the_old_is_named(tmp_path: Path) -> None:
    anchor = await logged(tmp_path)
    remove_the_writer(tmp_path)
    await logged(tmp_path, records=200)
    assert kinds(tmp_path, anchor) == [LossKind.DIFFERS]


async def test_pruned_anchor_is_no_loss_if_a_signature_says_so(tmp_path: Path) -> None:
    pruned = replace(await logged(tmp_path), seq=2, segment=1)
    await logged(tmp_path, prune=True)
    assert kinds(tmp_path, pruned) == []
    assert find_losses(tmp_path, [pruned], {})[0].kind is LossKind.DIFFERS


def break_the_chain(directory: Path) -> None:
    """Add a line behind the header that breaks the chain, with a number above all that the log has used."""
    file = last_segment(directory)
    header, *rest = file.read_bytes().splitlines(keepends=True)
    far = re.sub(rb'"seq":[0-9]+}', b'"seq":99999}', header)
    file.write_bytes(b"".join([header, far, *rest]))


def quarantine(directory: Path) -> None:
    locked = WriterDirectory.lock(directory, WRITER)
    try:
        broken = BrokenSegment.find(locked, WRITER, keys_by_id(KEYS))
        assert broken is not None
        quarantine_segment(locked, WRITER, broken, signer=SIGNER, clock=ManualClock())
    finally:
        locked.close()


async def test_anchor_in_a_quarantined_file_is_no_loss_if_a_signature_says_so(tmp_path: Path) -> None:
    anchor = await logged(tmp_path)
    break_the_chain(tmp_path)
    quarantine(tmp_path)
    assert kinds(tmp_path, anchor) == []
    assert find_losses(tmp_path, [anchor], {})[0].kind is LossKind.DIFFERS


async def test_quarantine_does_not_excuse_an_end_that_was_lost_before(tmp_path: Path) -> None:
    anchor = await logged(tmp_path)
    cut_off_the_last_line(tmp_path)
    break_the_chain(tmp_path)
    quarantine(tmp_path)
    assert kinds(tmp_path, anchor) == [LossKind.DIFFERS]
