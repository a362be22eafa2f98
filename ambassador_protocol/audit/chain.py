"""Following the chain through one segment, and naming exactly where it breaks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ambassador_protocol.audit.lines import (
    FORMAT,
    GENESIS,
    Checkpoint,
    Header,
    Line,
    Pruned,
    Tip,
    digest_of,
    read_line,
)
from ambassador_protocol.audit.public_keys import NoKeyError, PublicKey

STOP = "stop"
"""The reason of the checkpoint that ends a log in order."""

_STRETCH = 32


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain stops being whole: the line (from 1) and sequence number at fault, and what is wrong there.

    `line` 0 is the last line of the segment before; `seq` is what stands there, or should.
    """

    line: int
    seq: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One segment, followed until its end or its first break; `end` is the offset behind the last good line.

    It begins behind `start` and ends with `tip`.
    """

    start: Tip | None
    tip: Tip
    header: Header | None
    lines: int
    end: int
    torn: int
    fault: Break | None


@dataclass(slots=True)
class Proof:
    """What the checkpoints of one writer have proved so far; None as `trusted` takes their word for it.

    `uncovered` counts the records since the last checkpoint; `key` names the key that signs what comes next.
    `anchor` is a line that somebody has kept elsewhere.
    """

    writer: str
    trusted: dict[str, PublicKey] | None
    records: int = 0
    checkpoints: int = 0
    uncovered: int = 0
    covered: Checkpoint | None = None
    is_closed: bool = False
    pruned: Pruned | None = None
    key: str | None = None
    anchor: Tip | None = None

    def take(self, line: Line, digest: str) -> str | None:
        """Count a line whose place in the chain is right; return what is wrong with it, or None."""
        if self.anchor is not None and line.seq == self.anchor.seq and digest != self.anchor.digest:
            return "this is another record than the one whose digest was kept elsewhere"
        self.is_closed = False
        if line.is_event:
            self.records += 1
            self.uncovered += 1
        if line.header is not None:
            self.key = line.header.key
        if line.checkpoint is None:
            return None
        problem = self._problem(line, line.checkpoint)
        if problem is not None:
            return problem
        self.checkpoints += 1
        self.uncovered = 0
        self.covered = line.checkpoint
        self.is_closed = line.checkpoint.reason == STOP
        self.pruned = line.checkpoint.pruned or self.pruned
        return None

    def _problem(self, line: Line, checkpoint: Checkpoint) -> str | None:
        if checkpoint.writer != self.writer:
            return f"the checkpoint is one of writer {checkpoint.writer!r}"
        if (checkpoint.seq, checkpoint.head) != (line.seq - 1, line.prev):
            return "the checkpoint is not about the record before it"
        return self._signature_problem(checkpoint) or self._hand_over(checkpoint)

    def _signature_problem(self, checkpoint: Checkpoint) -> str | None:
        if self.trusted is None:
            return None
        key = self.trusted.get(checkpoint.key)
        if key is None:
            return f"the checkpoint is signed with key {checkpoint.key}, which is not a known one"
        if not key.verifies(checkpoint.signature, checkpoint.signed_text()):
            return "the signature of the checkpoint is wrong: it was forged or changed"
        return None

    def _hand_over(self, checkpoint: Checkpoint) -> str | None:
        self.key = checkpoint.key
        if checkpoint.next_key is None:
            return None
        try:
            following = PublicKey.from_base64(checkpoint.next_key)
        except NoKeyError:
            return "the checkpoint hands over to something that is no key"
        self.key = following.key_id
        if self.trusted is not None:
            self.trusted = {**self.trusted, following.key_id: following}
        return None


def walk_segment(
    path: Path,
    *,
    number: int,
    tip: Tip | None,
    is_last: bool,
    proof: Proof,
    breathe: Callable[[], None] = lambda: None,
) -> Walk:
    """Follow a segment that continues a chain at `tip`; None believes what its header says.

    In the last segment of a writer, a last line that is incomplete or none of ours is torn, not at fault.
    `breathe` is called every few lines.
    """
    with path.open("rb") as file:
        return _Walker(file, number=number, tip=tip, proof=proof, breathe=breathe).walk(is_last=is_last)


class _Walker:
    def __init__(
        self, file: BinaryIO, *, number: int, tip: Tip | None, proof: Proof, breathe: Callable[[], None]
    ) -> None:
        self._file = file
        self._number = number
        self._start = tip
        self._tip = tip
        self._proof = proof
        self._breathe = breathe
        self._header: Header | None = None
        self._lines = 0
        self._end = 0

    def walk(self, *, is_last: bool) -> Walk:
        for raw in self._file:
            text = raw.removesuffix(b"\n")
            line = read_line(text) if raw.endswith(b"\n") else None
            if line is None:
                return self._unreadable(raw, is_last=is_last)
            digest = digest_of(text)
            fault = self._fault_in(line, digest) or self._disproof(line, digest)
            if fault is not None:
                return self._result(fault=fault)
            self._start = self._start or Tip(line.seq - 1, line.prev)
            self._tip = Tip(line.seq, digest)
            self._lines += 1
            self._end += len(raw)
            if self._lines % _STRETCH == 0:
                self._breathe()
        if self._lines == 0 and not is_last:
            return self._result(fault=Break(1, self._expected_seq(), "the segment is empty"))
        return self._result()

    def _unreadable(self, raw: bytes, *, is_last: bool) -> Walk:
        at_the_end = not self._file.read(1)
        if is_last and at_the_end:
            return self._result(torn=len(raw))
        problem = "the line is cut off" if not raw.endswith(b"\n") else "this is no line of an audit log"
        return self._result(fault=Break(self._lines + 1, self._expected_seq(), problem))

    def _fault_in(self, line: Line, digest: str) -> Break | None:
        here = self._lines + 1
        problem = self._header_problem(line)
        if problem is not None:
            return Break(here, line.seq, problem)
        if self._tip is None:
            return None
        if self._lines == 0 and line.seq > self._tip.seq + 1:
            return Break(
                0, self._tip.seq + 1, f"the records up to {line.seq - 1} are missing behind this line"
            )
        if line.seq != self._tip.seq + 1:
            return Break(here, line.seq, f"the sequence number should be {self._tip.seq + 1}")
        if line.prev != self._tip.digest:
            return self._blame(line, digest)
        return None

    def _disproof(self, line: Line, digest: str) -> Break | None:
        problem = self._proof.take(line, digest)
        return None if problem is None else Break(self._lines + 1, line.seq, problem)

    def _header_problem(self, line: Line) -> str | None:
        header = line.header
        if header is None:
            return "the segment does not begin with a header" if self._lines == 0 else None
        if self._lines > 0:
            return "a header stands among the records"
        self._header = header
        if header.format != FORMAT:
            return f"format {header.format} is not one this version can read"
        if (header.writer, header.segment) != (self._proof.writer, self._number):
            return f"the header belongs to segment {header.segment} of writer {header.writer!r}"
        return None

    def _blame(self, line: Line, digest: str) -> Break:
        # The next line vouches for this one or not: that tells which side of the broken link was changed.
        here, before = self._lines + 1, line.seq - 1
        following = read_line(self._file.readline().removesuffix(b"\n"))
        if following is None:
            # Nobody vouches for either, so the first of the two is named: nothing before it was touched.
            problem = f"the record was changed, or `prev` of record {line.seq}: the two do not fit together"
            return Break(here - 1, before, problem)
        if following.prev == digest:
            return Break(here - 1, before, "the record was changed: the next one names another digest")
        return Break(here, line.seq, "the record was changed: `prev` is not the digest of the record before")

    def _expected_seq(self) -> int:
        return (self._tip or GENESIS).seq + 1

    def _result(self, *, torn: int = 0, fault: Break | None = None) -> Walk:
        return Walk(
            start=self._start,
            tip=self._tip or GENESIS,
            header=self._header,
            lines=self._lines,
            end=self._end,
            torn=torn,
            fault=fault,
        )
