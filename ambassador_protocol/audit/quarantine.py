"""Checks a quarantined segment against the signed checkpoint that states its quarantine."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ambassador_protocol.audit.chain import ChainProof, SegmentCheck, check_segment
from ambassador_protocol.audit.files import quarantined_name, segment_name, segment_numbers
from ambassador_protocol.audit.lines import GENESIS, Checkpoint, Quarantined, Tip, digest_of, read_line
from ambassador_protocol.audit.results import Fault

_LINES_TO_STATEMENT = 3
_LONGEST_HEADER = 4096
_CHECKPOINT = b'{"checkpoint":'


@dataclass(frozen=True, slots=True)
class QuarantineCheck:
    """The statement about a quarantined segment, and the result of verifying the lines before the broken one.

    `tip` is what the next segment has to continue. `is_late` tells that the segment was closed already when it was
    quarantined: then the statement stands in a later segment.
    """

    statement: Quarantined
    good: SegmentCheck
    tip: Tip
    is_late: bool


def check_quarantined(
    directory: Path, number: int, *, tip: Tip | None, proof: ChainProof, pause: Callable[[], None]
) -> QuarantineCheck | Fault:
    """Verify that the file is the stated one, and that its good lines continue the chain after `tip`.

    Raises OSError when a file cannot be read.
    """
    path = directory / quarantined_name(number)

    def fault(problem: str, line: int | None = None, seq: int = (tip or GENESIS).seq + 1) -> Fault:
        return Fault(writer=directory.name, segment=number, line=line, seq=seq, problem=problem)

    statement = _statement(file_of(directory, number + 1), number)
    is_late = statement is None
    if statement is None:
        statement = _later_statement(directory, number)
    if statement is None:
        return fault("the segment was quarantined, and no signed checkpoint after it says so")
    if path.is_symlink() or path.stat().st_size != statement.size or file_digest(path) != statement.digest:
        return fault(f"{path.name} is not the file that the signed checkpoint says was quarantined")
    good = check_segment(
        path,
        number=number,
        tip=tip,
        is_last=True,
        proof=proof,
        pause=pause,
        first_lines=statement.line - 1,
    )
    is_known = tip is not None or good.lines > 0
    if good.fault is None and is_known and good.tip != Tip(statement.last_seq, statement.head):
        problem = "the line before the break is not the one that the signed checkpoint names"
        return fault(problem, max(good.lines, 1), good.tip.seq)
    following = (
        _continued_by(directory, number + 1) if is_late else Tip(statement.highest_seq, statement.head)
    )
    if following is None or following.seq != statement.highest_seq:
        return fault("the segment after it continues another record than the signed checkpoint says")
    return QuarantineCheck(statement, good, following, is_late)


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hex; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_of(directory: Path, number: int) -> Path:
    """Return the file of a segment, which has another name in quarantine."""
    segment = directory / segment_name(number)
    return segment if segment.exists() else directory / quarantined_name(number)


def has_line(path: Path, wanted: Tip) -> bool:
    """Tell whether a quarantined file has this line. Raises OSError."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return any(digest_of(raw.removesuffix(b"\n")) == wanted.digest for raw in file)


def checkpoints_in(directory: Path, numbers: Iterable[int]) -> Iterator[Checkpoint]:
    """Return the checkpoints of these segments in the order of the numbers; nothing is verified."""
    for number in numbers:
        path = directory / segment_name(number)
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            for raw in file:
                line = read_line(raw.removesuffix(b"\n")) if raw.startswith(_CHECKPOINT) else None
                if line is not None and line.checkpoint is not None:
                    yield line.checkpoint


def _later_statement(directory: Path, number: int) -> Quarantined | None:
    """Return the last statement about a segment that was closed already when it was quarantined."""
    later = [each for each in segment_numbers(directory) if each > number]
    found = None
    for checkpoint in checkpoints_in(directory, later):
        if checkpoint.quarantined is not None and checkpoint.quarantined.segment == number:
            found = checkpoint.quarantined
    return found


def _continued_by(directory: Path, number: int) -> Tip | None:
    """Return the line that the first line of a segment continues."""
    path = file_of(directory, number)
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        line = read_line(file.readline(_LONGEST_HEADER).removesuffix(b"\n"))
    return None if line is None or line.header is None else Tip(line.seq - 1, line.prev)


def _statement(following: Path, number: int) -> Quarantined | None:
    """Return what the segment after a quarantined one says about it; a quarantine begins that segment."""
    if not following.is_file() or following.is_symlink():
        return None
    with following.open("rb") as file:
        for raw in islice(file, _LINES_TO_STATEMENT):
            line = read_line(raw.removesuffix(b"\n"))
            found = None if line is None or line.checkpoint is None else line.checkpoint.quarantined
            if found is not None and found.segment == number:
                return found
    return None
