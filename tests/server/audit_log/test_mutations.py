"""Verification finds every change of a file of a closed log, at or before the changed place."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.audit.results import WriterVerification
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from tests.effort import examples
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, append_all, segments, verify

Change = Callable[[bytes], tuple[bytes, int]]
"""Returns the changed content, and the offset of the first change."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a closed log of several segments with checkpoints."""
    directory = tmp_path_factory.mktemp("whole")

    async def write() -> None:
        options = AuditLogOptions(segment_max_bytes=4000, checkpoint_records=4)
        log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=ManualClock(), options=options)
        await append_all(log, range(24))
        await log.close()

    asyncio.run(write())
    assert len(segments(directory)) == 4
    return directory


def _flip(at: int, bit: int) -> Change:
    def change(content: bytes) -> tuple[bytes, int]:
        place = at % len(content)
        return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :], place

    return change


def _cut(at: int) -> Change:
    return lambda content: (content[: at % len(content)], at % len(content))


def _remove(at: int, size: int) -> Change:
    def change(content: bytes) -> tuple[bytes, int]:
        place = at % len(content)
        return content[:place] + content[place + size :], place

    return change


def _insert(at: int, what: bytes) -> Change:
    def change(content: bytes) -> tuple[bytes, int]:
        place = at % (len(content) + 1)
        return content[:place] + what + content[place:], place

    return change


def _rearrange(first: int, second: int, what: str) -> Change:
    def change(content: bytes) -> tuple[bytes, int]:
        found = content.splitlines(keepends=True)
        one, two = sorted((first % len(found), second % len(found)))
        changed = list(found)
        if what == "swap":
            changed[one], changed[two] = found[two], found[one]
        elif what == "double":
            changed.insert(two, found[one])
        else:
            del changed[one : two + 1]
        after = b"".join(changed)
        same = next((i for i, (a, b) in enumerate(zip(content, after, strict=False)) if a != b), None)
        return after, min(len(content), len(after)) if same is None else same

    return change


NUMBERS = st.integers(0, 10**6)
CHANGES = st.one_of(
    st.builds(_flip, NUMBERS, st.integers(0, 7)),
    st.builds(_cut, NUMBERS),
    st.builds(_remove, NUMBERS, st.integers(1, 2000)),
    st.builds(_insert, NUMBERS, st.binary(min_size=1, max_size=50)),
    st.builds(_rearrange, NUMBERS, NUMBERS, st.sampled_from(["swap", "double", "delete"])),
)


@examples(100)
@given(number=st.integers(0, 3), change=CHANGES)
def test_any_change_of_a_file_is_found_at_or_before_its_place(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, number: int, change: Change
):
    copy = tmp_path_factory.mktemp("copy") / "audit"
    shutil.copytree(whole, copy)
    segment = segments(copy)[number]
    content = segment.read_bytes()
    changed, offset = change(content)
    segment.write_bytes(changed)
    [found] = verify(copy).writers
    if changed == content:
        assert found.fault is None
        assert found.is_closed
    else:
        assert _place(found) <= (number + 1, content[:offset].count(b"\n") + 1)
    shutil.rmtree(copy.parent)


def _place(found: WriterVerification) -> tuple[int, int]:
    """Return the segment and line that verification names."""
    if found.fault is not None:
        return found.fault.segment, found.fault.line or 0
    assert not found.is_closed, "the change was not found"
    # No line is broken, but the log has no orderly end: its last whole line, or the torn bytes after it, are named.
    return found.segments, 0


@pytest.mark.parametrize("number", range(4))
def test_a_missing_file_is_found(whole: Path, tmp_path: Path, number: int):
    copy = tmp_path / "audit"
    shutil.copytree(whole, copy)
    segments(copy)[number].unlink()
    [found] = verify(copy).writers
    assert found.fault is not None or not found.is_closed
    if number < 3:
        assert found.fault is not None
        assert found.fault.segment == number + 1
