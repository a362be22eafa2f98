"""Following the chain through one segment, and naming exactly where it breaks."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from ambassador_server.audit_log.lines import FORMAT, GENESIS, Header, Line, Tip, decode_line, digest_of


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
    """One segment, followed until its end or its first break; `end` is the offset behind the last good line."""

    tip: Tip
    header: Header | None
    lines: int
    end: int
    torn: int
    fault: Break | None

    @property
    def records(self) -> int:
        """Return how many good lines are events."""
        return max(self.lines - 1, 0)


def walk_segment(path: Path, *, writer: str, number: int, tip: Tip | None, is_last: bool) -> Walk:
    """Follow a segment that continues a chain at `tip`; None believes what its header says.

    In the last segment of a writer, a last line that is incomplete or no JSON is torn, not at fault.
    """
    with path.open("rb") as file:
        return _Walker(file, writer=writer, number=number, tip=tip).walk(is_last=is_last)


class _Walker:
    def __init__(self, file: BinaryIO, *, writer: str, number: int, tip: Tip | None) -> None:
        self._file = file
        self._writer = writer
        self._number = number
        self._tip = tip
        self._header: Header | None = None
        self._lines = 0
        self._end = 0

    def walk(self, *, is_last: bool) -> Walk:
        for raw in self._file:
            text = raw.removesuffix(b"\n")
            line = decode_line(text) if raw.endswith(b"\n") else None
            if line is None:
                return self._unreadable(raw, is_last=is_last)
            digest = digest_of(text)
            fault = self._fault_in(line, digest)
            if fault is not None:
                return self._result(fault=fault)
            self._tip = Tip(line.seq, digest)
            self._lines += 1
            self._end += len(raw)
        if self._lines == 0 and not is_last:
            return self._result(fault=Break(1, self._expected_seq(), "the segment is empty"))
        return self._result()

    def _unreadable(self, raw: bytes, *, is_last: bool) -> Walk:
        at_the_end = not self._file.read(1)
        if is_last and at_the_end:
            return self._result(torn=len(raw))
        problem = (
            "the line is cut off" if not raw.endswith(b"\n") else "the line is no JSON of an audit record"
        )
        return self._result(fault=Break(self._lines + 1, self._expected_seq(), problem))

    def _fault_in(self, line: Line, digest: str) -> Break | None:
        here = self._lines + 1
        problem = self._header_problem(line)
        if problem is not None:
            return Break(here, line.seq, problem)
        if self._tip is None:
            return None
        if line.seq != self._tip.seq + 1:
            return Break(here, line.seq, f"the sequence number should be {self._tip.seq + 1}")
        if line.prev != self._tip.digest:
            return self._blame(line, digest)
        return None

    def _header_problem(self, line: Line) -> str | None:
        header = line.header
        if isinstance(header, msgspec.UnsetType):
            return "the segment does not begin with a header" if self._lines == 0 else None
        if self._lines > 0:
            return "a header stands among the records"
        self._header = header
        if header.format != FORMAT:
            return f"format {header.format} is not one this version can read"
        if (header.writer, header.segment) != (self._writer, self._number):
            return f"the header belongs to segment {header.segment} of writer {header.writer!r}"
        return None

    def _blame(self, line: Line, digest: str) -> Break:
        # The next line vouches for this one or not: that tells which side of the broken link was changed.
        here, before = self._lines + 1, line.seq - 1
        following = decode_line(self._file.readline().removesuffix(b"\n"))
        if following is None:
            problem = f"`prev` is not the digest of the record before: {before} or {line.seq} was changed"
            return Break(here, line.seq, problem)
        if following.prev == digest:
            return Break(here - 1, before, "the record was changed: the next one names another digest")
        return Break(here, line.seq, "the record was changed: `prev` is not the digest of the record before")

    def _expected_seq(self) -> int:
        return (self._tip or GENESIS).seq + 1

    def _result(self, *, torn: int = 0, fault: Break | None = None) -> Walk:
        return Walk(
            tip=self._tip or GENESIS,
            header=self._header,
            lines=self._lines,
            end=self._end,
            torn=torn,
            fault=fault,
        )
