"""After an anchor was stored elsewhere, no change of the audit directory up to it stays unnoticed."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.audit.anchors import InvalidAnchorError, parse_anchors, written_anchors
from ambassador_protocol.audit.lines import Tip
from ambassador_protocol.audit.results import Verification
from ambassador_protocol.audit.verify import verify as verify_with
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from tests.effort import examples
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import (
    KEYS,
    SIGNER,
    WRITER,
    append_all,
    quarantine_last,
    rechained,
    segments,
)
from tests.server.audit_log.test_mutations import CHANGES, NUMBERS, Change

INIT = f"{WRITER}-init"
Attack = Callable[[Path, Path], None]
"""Changes the first directory; the second is an older copy of it."""


async def write(directory: Path, writer: str, numbers: range) -> None:
    options = AuditLogOptions(segment_max_bytes=4000, checkpoint_records=4)
    log = await JsonlAuditLog.open(directory, writer, signer=SIGNER, clock=ManualClock(), options=options)
    await append_all(log, numbers)
    await log.close()


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the logs of a server and of its command line, and an older copy of them."""
    directory = tmp_path_factory.mktemp("logs")
    for numbers in (range(12), range(12, 24)):
        if numbers.start:
            shutil.copytree(directory / "now", directory / "older")
        for writer in (WRITER, INIT):
            asyncio.run(write(directory / "now", writer, numbers))
    return directory / "now", directory / "older"


def verified(directory: Path, anchors: dict[str, Tip]) -> Verification:
    return verify_with(directory, KEYS, anchors=anchors)


def anchors_of(directory: Path) -> dict[str, Tip]:
    return parse_anchors("\n".join(map(str, written_anchors(directory))))


def change_a_file(number: int, change: Change) -> Attack:
    def attack(directory: Path, _: Path) -> None:
        files = segments(directory)
        file = files[number % len(files)]
        file.write_bytes(change(file.read_bytes())[0])

    return attack


def drop_checkpoints(keep: int) -> Attack:
    """Remove the checkpoints after some, and compute the chain of the last segment again."""

    def attack(directory: Path, _: Path) -> None:
        last = segments(directory)[-1]
        lines = last.read_bytes().splitlines(keepends=True)
        kept = [
            line for at, line in enumerate(lines) if at < 1 + keep or not line.startswith(b'{"checkpoint":')
        ]
        last.write_bytes(rechained(b"".join(kept)))

    return attack


def delete_a_segment(number: int) -> Attack:
    def attack(directory: Path, _: Path) -> None:
        files = segments(directory)
        files[number % len(files)].unlink()

    return attack


def delete_a_writer(which: bool) -> Attack:
    return lambda directory, _: shutil.rmtree(directory / (WRITER if which else INIT))


def swap_segments(first: int, second: int) -> Attack:
    def attack(directory: Path, _: Path) -> None:
        files = segments(directory)
        one, two = files[first % len(files)], files[second % len(files)]
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)

    return attack


def swap_writers() -> Attack:
    def attack(directory: Path, _: Path) -> None:
        (directory / WRITER).rename(directory / "exchanged")
        (directory / INIT).rename(directory / WRITER)
        (directory / "exchanged").rename(directory / INIT)

    return attack


def put_the_older_copy_in_its_place(which: bool) -> Attack:
    def attack(directory: Path, older: Path) -> None:
        writer = WRITER if which else INIT
        shutil.rmtree(directory / writer)
        shutil.copytree(older / writer, directory / writer)

    return attack


ATTACKS = st.one_of(
    st.builds(change_a_file, NUMBERS, CHANGES),
    st.builds(drop_checkpoints, st.integers(0, 4)),
    st.builds(delete_a_segment, NUMBERS),
    st.builds(delete_a_writer, st.booleans()),
    st.builds(swap_segments, NUMBERS, NUMBERS),
    st.builds(swap_writers),
    st.builds(put_the_older_copy_in_its_place, st.booleans()),
)


def content_of(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


@examples(150)
@given(attack=ATTACKS)
def test_change_after_an_anchor_is_found(
    logs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory, attack: Attack
) -> None:
    now, older = logs
    anchors = anchors_of(now)
    assert set(anchors) == {WRITER, INIT}
    assert verified(now, anchors).ok
    copy = tmp_path_factory.mktemp("attacked") / "audit"
    shutil.copytree(now, copy)
    attack(copy, older)
    found = verified(copy, anchors)
    if content_of(copy) == content_of(now):
        assert found.ok
    elif found.ok:
        # The record of each anchor is there, so all before it is; only the stop after it can be gone.
        assert not all(writer.is_closed for writer in found.writers)
        assert all(writer.seq >= anchors[writer.writer].seq for writer in found.writers)
    shutil.rmtree(copy.parent)


def test_anchor_in_the_broken_part_of_a_quarantined_segment_needs_its_line(
    logs: tuple[Path, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "audit"
    shutil.copytree(logs[0], copy)
    anchors = anchors_of(copy)
    last = segments(copy)[-1]
    content = last.read_bytes()
    last.write_bytes(content.replace(b"weather", b"weathes", 1))
    quarantine_last(copy)
    assert verified(copy, anchors).ok
    lost = {**anchors, WRITER: Tip(anchors[WRITER].seq, "ab" * 32)}
    [fault] = verified(copy, lost).faults
    assert "given as anchor" in fault.problem


@pytest.mark.parametrize(
    "text",
    ["", "# nothing", "main:x:y", "main:1:" + "g" * 64, "[1]", "[", '[{"writer": "main"}]', "[" * 100_000]
    + [f"main:{seq}:{'a' * 64}\n" * 2 for seq in (1,)],
)
def test_text_without_anchors_is_refused(text: str) -> None:
    with pytest.raises(InvalidAnchorError):
        parse_anchors(text)


def test_anchors_are_read_as_text_and_as_json() -> None:
    digest = "AB" * 32
    wanted = {"main": Tip(7, "ab" * 32), "main-init": Tip(3, "ab" * 32)}
    assert parse_anchors(f"# kept\nmain:7:{digest} signed at noon\n\nmain-init:3:{digest}\n") == wanted
    assert (
        parse_anchors(
            f'[{{"writer":"main","seq":7,"digest":"{digest}"}},'
            f'{{"writer":"main-init","seq":3,"digest":"{digest}"}}]'
        )
        == wanted
    )
