"""Verifies the chain of one segment and finds the line where it breaks."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ambassador_protocol.audit.attempts import OpenAttempts
from ambassador_protocol.audit.lines import (
    FORMAT,
    GENESIS,
    Checkpoint,
    Header,
    Line,
    Pruned,
    Quarantined,
    Tip,
    digest_of,
    read_line,
)
from ambassador_protocol.audit.public_keys import InvalidPublicKeyError, PublicKey

STOP = "stop"
"""The reason of the checkpoint that a server signs when it stops regularly."""
ADOPTED = "adopted"
"""The reason of the checkpoint that a start signs over records which an earlier process has left unsigned."""

RECOVERY = "recovery"
"""The reason of the checkpoint that begins a segment after one which could not be continued and was given up."""
TORN = "torn"
"""The same, where the segment that was given up ends with a line that was written in part and could not be cut off."""
QUARANTINE = "quarantine"
"""The reason of the checkpoint that states which broken segment was quarantined."""

_LINES_BETWEEN_PAUSES = 32


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """Where a chain breaks: the line of the segment (from 1), the sequence number, and what is wrong.

    `line` 0 means the last line of the previous segment; `seq` is the number found there, or the missing one.
    """

    line: int
    seq: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentCheck:
    """The result of verifying one segment up to its end or its first break.

    `start` is the line before the segment and `tip` the last valid line; `end` is the offset behind it in bytes. `torn`
    is the size in bytes of an incomplete last line.
    """

    start: Tip | None
    tip: Tip
    header: Header | None
    lines: int
    end: int
    torn: int
    fault: ChainBreak | None


@dataclass(slots=True)
class ChainProof:
    """What the checkpoints of one writer prove, updated line by line.

    `trusted` holds the trusted keys by id; None checks no signature. `uncovered` counts the records since the last
    checkpoint, `covered`. `key` is the id of the key that signs the next checkpoint. `anchor` is a line that was stored
    outside of the log, and `has_anchor` tells that it was among the lines. `adopted` counts the
    records that a start has signed for an earlier process. `attempts` takes in every line, if it is given.
    """

    writer: str
    trusted: dict[str, PublicKey] | None
    records: int = 0
    checkpoints: int = 0
    uncovered: int = 0
    adopted: int = 0
    covered: Checkpoint | None = None
    is_closed: bool = False
    pruned: Pruned | None = None
    quarantined: tuple[Quarantined, ...] = ()
    key: str | None = None
    anchor: Tip | None = None
    has_anchor: bool = False
    attempts: OpenAttempts[int] | None = None

    def add(self, line: Line, digest: str) -> str | None:
        """Take in a line whose number and `prev` are right; return what is wrong with it, or None."""
        if self.anchor is not None and line.seq == self.anchor.seq:
            if digest != self.anchor.digest:
                return "the record differs from the one whose digest was given as anchor"
            self.has_anchor = True
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
        if line.checkpoint.reason == ADOPTED:
            self.adopt()
        self.uncovered = 0
        self.covered = line.checkpoint
        self.is_closed = line.checkpoint.reason == STOP
        self.pruned = line.checkpoint.pruned or self.pruned
        if line.checkpoint.quarantined is not None:
            self.quarantined += (line.checkpoint.quarantined,)
        return None

    def adopt(self) -> None:
        """Count the records since the last checkpoint as signed later by another process."""
        self.adopted += self.uncovered
        self.uncovered = 0

    def _problem(self, line: Line, checkpoint: Checkpoint) -> str | None:
        if checkpoint.writer != self.writer:
            return f"the checkpoint belongs to writer {checkpoint.writer!r}"
        if (checkpoint.seq, checkpoint.head) != (line.seq - 1, line.prev):
            return "the checkpoint is not about the record before it"
        return self._signature_problem(checkpoint) or self._take_next_key(checkpoint)

    def _signature_problem(self, checkpoint: Checkpoint) -> str | None:
        if self.trusted is None:
            return None
        key = self.trusted.get(checkpoint.key)
        if key is None:
            return f"the checkpoint is signed with key {checkpoint.key}, which is not a trusted key"
        if not key.verifies(checkpoint.signature, checkpoint.signed_text()):
            return "the signature of the checkpoint is wrong: it was forged or changed"
        return None

    def _take_next_key(self, checkpoint: Checkpoint) -> str | None:
        self.key = checkpoint.key
        if checkpoint.next_key is None:
            return None
        try:
            following = PublicKey.from_base64(checkpoint.next_key)
        except InvalidPublicKeyError:
            return "the `next_key` of the checkpoint is no public key"
        self.key = following.key_id
        if self.trusted is not None:
            self.trusted = {**self.trusted, following.key_id: following}
        return None


def check_segment(
    path: Path,
    *,
    number: int,
    tip: Tip | None,
    is_last: bool,
    proof: ChainProof,
    pause: Callable[[], None] = lambda: None,
    first_lines: int | None = None,
) -> SegmentCheck:
    """Verify a segment that continues the chain after `tip`; with None, after the line that its header names.

    With `first_lines`, only so many lines are verified.

    In the last segment of a writer, an unreadable last line is reported as torn, not as a break. `pause` is called
    every 32 lines. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        return _SegmentChecker(file, number=number, tip=tip, proof=proof, pause=pause).check(
            is_last=is_last, first_lines=first_lines
        )


class _SegmentChecker:
    def __init__(
        self, file: BinaryIO, *, number: int, tip: Tip | None, proof: ChainProof, pause: Callable[[], None]
    ) -> None:
        self._file = file
        self._number = number
        self._start = tip
        self._tip = tip
        self._proof = proof
        self._pause = pause
        self._header: Header | None = None
        self._lines = 0
        self._end = 0

    def check(self, *, is_last: bool, first_lines: int | None) -> SegmentCheck:
        for raw in islice(self._file, first_lines):
            text = raw.removesuffix(b"\n")
            line = read_line(text) if raw.endswith(b"\n") else None
            if line is None:
                return self._unreadable(raw, is_last=is_last)
            digest = digest_of(text)
            fault = self._fault_in(line, digest) or self._checkpoint_fault(line, digest)
            if fault is not None:
                return self._result(fault=fault)
            if self._proof.attempts is not None:
                self._proof.attempts.take(text, line.seq)
            self._start = self._start or Tip(line.seq - 1, line.prev)
            self._tip = Tip(line.seq, digest)
            self._lines += 1
            self._end += len(raw)
            if self._lines % _LINES_BETWEEN_PAUSES == 0:
                self._pause()
        if self._lines == 0 and not is_last:
            return self._result(fault=ChainBreak(1, self._expected_seq(), "the segment is empty"))
        return self._result()

    def _unreadable(self, raw: bytes, *, is_last: bool) -> SegmentCheck:
        at_the_end = not self._file.read(1)
        if is_last and at_the_end:
            return self._result(torn=len(raw))
        problem = "the line is cut off" if not raw.endswith(b"\n") else "this is not a line of an audit log"
        return self._result(fault=ChainBreak(self._lines + 1, self._expected_seq(), problem))

    def _fault_in(self, line: Line, digest: str) -> ChainBreak | None:
        here = self._lines + 1
        problem = self._header_problem(line)
        if problem is not None:
            return ChainBreak(here, line.seq, problem)
        if self._tip is None:
            return None
        if self._lines == 0 and line.seq > self._tip.seq + 1:
            return ChainBreak(
                0, self._tip.seq + 1, f"the records up to {line.seq - 1} are missing behind this line"
            )
        if line.seq != self._tip.seq + 1:
            return ChainBreak(here, line.seq, f"the sequence number should be {self._tip.seq + 1}")
        if line.prev != self._tip.digest:
            return self._find_changed_record(line, digest)
        return None

    def _checkpoint_fault(self, line: Line, digest: str) -> ChainBreak | None:
        problem = self._proof.add(line, digest)
        return None if problem is None else ChainBreak(self._lines + 1, line.seq, problem)

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

    def _find_changed_record(self, line: Line, digest: str) -> ChainBreak:
        # The next line tells which side of the broken link was changed: it names the digest of this line, or not.
        here, before = self._lines + 1, line.seq - 1
        following = read_line(self._file.readline().removesuffix(b"\n"))
        if following is None:
            # Without a next line either may have been changed; the first of the two is named.
            problem = f"the record was changed, or `prev` of record {line.seq}: they do not match"
            return ChainBreak(here - 1, before, problem)
        if following.prev == digest:
            return ChainBreak(here - 1, before, "the record was changed: the next one names another digest")
        return ChainBreak(
            here, line.seq, "the record was changed: `prev` is not the digest of the record before"
        )

    def _expected_seq(self) -> int:
        return (self._tip or GENESIS).seq + 1

    def _result(self, *, torn: int = 0, fault: ChainBreak | None = None) -> SegmentCheck:
        return SegmentCheck(
            start=self._start,
            tip=self._tip or GENESIS,
            header=self._header,
            lines=self._lines,
            end=self._end,
            torn=torn,
            fault=fault,
        )
