"""Checks a quarantined segment against the signed checkpoint that states its quarantine."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ambassador_protocol.audit.chain import ChainProof, SegmentCheck, check_segment
from ambassador_protocol.audit.files import quarantined_name, segment_name
from ambassador_protocol.audit.lines import GENESIS, Quarantined, Tip, read_line
from ambassador_protocol.audit.results import Fault

_LINES_TO_STATEMENT = 3


@dataclass(frozen=True, slots=True)
class QuarantineCheck:
    """The statement about a quarantined segment, and the result of verifying the lines before the broken one."""

    statement: Quarantined
    good: SegmentCheck


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
    return QuarantineCheck(statement, good)


def file_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file, in hex; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_of(directory: Path, number: int) -> Path:
    """Return the file of a segment, which has another name in quarantine."""
    segment = directory / segment_name(number)
    return segment if segment.exists() else directory / quarantined_name(number)


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
