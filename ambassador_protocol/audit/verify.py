"""Verifies a whole audit directory, or a copy of it, without a server or a database."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ambassador_protocol.audit.attempts import OpenAttempts
from ambassador_protocol.audit.chain import TORN, ChainBreak, ChainProof, check_segment
from ambassador_protocol.audit.files import (
    quarantined_name,
    quarantined_numbers,
    segment_name,
    segment_numbers,
)
from ambassador_protocol.audit.lines import GENESIS, Checkpoint, Quarantined, Tip, read_line
from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_protocol.audit.quarantine import check_quarantined, checkpoints_in, file_of, has_line
from ambassador_protocol.audit.results import Fault, TornTail, Verification, WriterVerification

_LONGEST_HEADER = 4096
_BEGINNING = 3
_ALWAYS_VERIFIED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """A range of times (ISO-8601 UTC) that selects the segments with records in it; None is no bound."""

    since: str | None = None
    until: str | None = None


ANY_TIME: Final = TimeRange()
NO_ANCHORS: Final[Mapping[str, Tip]] = {}


def verify(
    directory: Path,
    keys: Iterable[PublicKey] | None,
    *,
    time_range: TimeRange = ANY_TIME,
    anchors: Mapping[str, Tip] = NO_ANCHORS,
    expected: Iterable[str] = (),
    pause: Callable[[], None] = lambda: None,
) -> Verification:
    """Verify every writer's chain in an audit directory; with None as `keys` no signature is checked.

    A chain proves nothing about records cut off at its end. `uncovered` and `is_closed` hint at that; only `anchors`,
    lines by writer that were stored outside of the log, prove it. `expected` names writers that must have a log.
    Without a time range, a directory without any record is a fault. `pause` is called every 32 lines. Raises OSError
    when a file cannot be read, MissingCryptographyError when signatures cannot be checked.
    """
    trusted = None if keys is None else keys_by_id(keys)
    writers = sorted(path for path in directory.iterdir() if path.is_dir())
    found = [
        _Chain(
            path,
            ChainProof(path.name, trusted, anchor=anchors.get(path.name), attempts=OpenAttempts()),
            pause,
        ).verify(time_range)
        for path in writers
    ]
    gone = [
        _Chain(Path(name), ChainProof(name, None, anchor=anchors.get(name)), pause).missing()
        for name in sorted({*anchors, *expected} - {path.name for path in writers})
    ]
    is_empty = time_range == ANY_TIME and not any(writer.records for writer in found)
    return Verification((*found, *gone), is_empty=is_empty)


def closed_fault(
    path: Path, trusted: dict[str, PublicKey], *, max_bytes: int, pause: Callable[[], None] = lambda: None
) -> Fault | None:
    """Verify the last closed segments of a writer's directory, and that the last segment continues them.

    These are the last two, and more of them while they have `max_bytes` together. Returns the first fault. Raises
    OSError when a file cannot be read.
    """
    return _Chain(path, ChainProof(path.name, trusted), pause).closed_fault(max_bytes)


class _Chain:
    def __init__(self, path: Path, proof: ChainProof, pause: Callable[[], None]) -> None:
        self._path = path
        self._proof = proof
        self._pause = pause
        self._start: Tip | None = None
        self._tip: Tip | None = GENESIS
        self._lines_before = 0
        self._is_to_end = False
        self._last = 1
        self._fault: Fault | None = None
        self._torn: TornTail | None = None
        self._unsigned: Fault | None = None
        self._quarantined: frozenset[int] = frozenset()
        self._stated: list[Quarantined] = []

    def verify(self, time_range: TimeRange) -> WriterVerification:
        """Verify the segments of a time range."""
        if self._path.is_symlink():
            # The files it leads to could be exchanged at any time without a change in this directory.
            self._fault = self._at(1, None, 1, "the directory of the writer is a symbolic link")
            return self._result(0)
        numbers = segment_numbers(self._path)
        if not numbers:
            return self.missing()
        self._quarantined = frozenset(quarantined_numbers(self._path))
        numbers = sorted({*numbers, *self._quarantined})
        wanted = _within(self._path, numbers, time_range)
        if wanted and wanted[-1] in self._quarantined:
            # Only the segment after it can say that it was quarantined.
            wanted = numbers[: numbers.index(wanted[-1]) + 2][numbers.index(wanted[0]) :]
        if wanted and wanted[0] > 1:
            self._tip = None
        self._follow(wanted, last=max(numbers, default=0))
        self._fault = self._fault or self._statement_fault()
        is_from_the_first = bool(wanted) and 1 < wanted[0] == numbers[0]
        if self._fault is None and is_from_the_first and wanted[-1] == numbers[-1]:
            self._fault = self._beginning_fault(wanted[0])
        self._is_to_end = wanted[-1:] == numbers[-1:]
        if self._fault is None and self._is_to_end:
            self._fault = self._end_fault() or self._unsigned
        if self._fault is None and time_range == ANY_TIME:
            self._fault = self._anchor_fault()
        return self._result(len(wanted))

    def closed_fault(self, max_bytes: int) -> Fault | None:
        """Return the first fault of the last closed segments."""
        self._quarantined = frozenset(quarantined_numbers(self._path))
        numbers = sorted({*segment_numbers(self._path), *self._quarantined})
        wanted = _last_that_fit(self._path, numbers[:-1], max_bytes)
        if not numbers:
            return None
        if [*wanted, numbers[-1]][0] > 1:
            self._tip = None
        self._follow(wanted, last=numbers[-1])
        if self._fault is None and wanted:
            self._follow_beginning(numbers[-1], expected=wanted[-1] + 1)
        return (
            self._fault
            or self._unsigned
            or self._statement_fault()
            or (self._unpruned(numbers) if len(wanted) == len(numbers) - 1 else None)
        )

    def missing(self) -> WriterVerification:
        """Return the result for a writer without any file."""
        self._fault = self._end_fault() or self._at(1, None, 1, "the writer has no log")
        return self._result(0)

    def _follow(self, wanted: list[int], *, last: int) -> None:
        for expected, number in enumerate(wanted, wanted[0] if wanted else 1):
            if number != expected:
                self._fault = self._at(
                    expected, None, (self._tip or GENESIS).seq + 1, "the segment is missing"
                )
                return
            if number in self._quarantined:
                self._fault = self._pass_quarantined(number)
                if self._fault is not None:
                    return
                continue
            path, checkpoints = self._path / segment_name(number), self._proof.checkpoints
            if path.is_symlink():
                seq = (self._tip or GENESIS).seq + 1
                self._fault = self._at(number, None, seq, "the segment is a symbolic link")
                return
            checked = check_segment(
                path,
                number=number,
                tip=self._tip,
                is_last=number == last or _was_torn(self._path, number),
                proof=self._proof,
                pause=self._pause,
            )
            self._start = self._start or checked.start
            if checked.fault is not None:
                self._fault = self._broken(number, checked.fault)
                self._tip = checked.tip
                return
            self._torn = (
                TornTail(segment=number, offset=checked.end, size=checked.torn) if checked.torn else None
            )
            self._tip, self._lines_before, self._last = checked.tip, checked.lines, number
            self._note_unsigned(is_last=number == last, is_signed=self._proof.checkpoints > checkpoints)

    def _follow_beginning(self, number: int, *, expected: int) -> None:
        """Verify that the open segment continues the closed ones; nothing but its beginning is read."""
        if number != expected:
            self._fault = self._at(expected, None, (self._tip or GENESIS).seq + 1, "the segment is missing")
            return
        path, checkpoints = self._path / segment_name(number), self._proof.checkpoints
        found = check_segment(
            path, number=number, tip=self._tip, is_last=True, proof=self._proof, first_lines=_BEGINNING
        )
        if found.fault is not None:
            self._fault = self._broken(number, found.fault)
        elif self._proof.checkpoints > checkpoints:
            self._unsigned = None

    def _unpruned(self, numbers: list[int]) -> Fault | None:
        """Return a fault if no signed checkpoint says that the segments before the first one were pruned."""
        first = numbers[0]
        if first == 1 or any(
            checkpoint.pruned is not None and checkpoint.pruned.segment >= first - 1
            for checkpoint in self._signed_checkpoints()
        ):
            return None
        problem = "the segment is missing, and no signed checkpoint says that it was pruned"
        return self._at(first - 1, None, 1, problem)

    def _signed_checkpoints(self) -> Iterator[Checkpoint]:
        trusted = self._proof.trusted or {}
        for checkpoint in checkpoints_in(self._path, segment_numbers(self._path)):
            key = trusted.get(checkpoint.key)
            is_own = checkpoint.writer == self._path.name
            if is_own and key and key.verifies(checkpoint.signature, checkpoint.signed_text()):
                yield checkpoint

    def _pass_quarantined(self, number: int) -> Fault | None:
        """Verify the good lines of a segment that was quarantined; its statement is verified with the next segment."""
        found = check_quarantined(self._path, number, tip=self._tip, proof=self._proof, pause=self._pause)
        if isinstance(found, Fault):
            return found
        statement, good = found.statement, found.good
        if good.fault is not None:
            return self._broken(number, good.fault)
        self._start = self._start or good.start
        # The statement signs the good lines, too, because the next header names the digest of the last of them.
        self._proof.adopt()
        self._unsigned = None
        self._stated.append(statement)
        self._tip = found.tip
        self._lines_before, self._last = good.lines, number
        return None

    def _statement_fault(self) -> Fault | None:
        """Return a fault for a quarantine that neither a verified line states nor one that a known key has signed."""
        if all(stated in self._proof.quarantined for stated in self._stated):
            return None
        signed = [checkpoint.quarantined for checkpoint in self._signed_checkpoints()]
        for stated in self._stated:
            if stated not in self._proof.quarantined and stated not in signed:
                problem = "the segment was quarantined, but no line that can be verified states it"
                return self._at(stated.segment, None, stated.last_seq + 1, problem)
        return None

    def _note_unsigned(self, *, is_last: bool, is_signed: bool) -> None:
        """Remember a closed segment whose end no checkpoint covers, until a later checkpoint covers it."""
        if is_signed:
            self._unsigned = None
        if not is_last and self._proof.uncovered and self._unsigned is None:
            problem = f"the segment is closed, but no signed checkpoint covers its last {self._proof.uncovered} records"
            self._unsigned = self._at(self._last, None, (self._tip or GENESIS).seq, problem)

    def _beginning_fault(self, first: int) -> Fault | None:
        gone, start = self._proof.pruned, self._start
        if gone is None or gone.segment < first - 1:
            return self._at(
                1, None, 1, "the segment is missing, and no signed checkpoint says that it was pruned"
            )
        # An interrupted prune leaves more segments than it recorded; only after a complete one its `head` is our
        # `prev`.
        if gone.segment == first - 1 and start != Tip(gone.last_seq, gone.head):
            problem = "the pruned segments ended with another record than the one this line continues"
            return self._at(first, 1, gone.last_seq + 1, problem)
        return None

    def _end_fault(self) -> Fault | None:
        anchor, tip = self._proof.anchor, self._tip or GENESIS
        if anchor is None or anchor.seq <= tip.seq:
            return None
        problem = f"the log ends with record {tip.seq}, but the anchor is record {anchor.seq}"
        return self._at(self._last, None, tip.seq + 1, problem)

    def _anchor_fault(self) -> Fault | None:
        anchor = self._proof.anchor
        if anchor is None or self._proof.has_anchor or _is_removed(self._path, self._proof, anchor):
            return None
        problem = f"the log has no record {anchor.seq}, which was given as anchor"
        return self._at(self._last, None, anchor.seq, problem)

    def _broken(self, number: int, found: ChainBreak) -> Fault:
        if found.line == 0:
            return self._at(number - 1, self._lines_before, found.seq, found.problem)
        return self._at(number, found.line, found.seq, found.problem)

    def _at(self, segment: int, line: int | None, seq: int, problem: str) -> Fault:
        return Fault(writer=self._path.name, segment=segment, line=line, seq=seq, problem=problem)

    def _without_outcome(self) -> int | None:
        attempts = self._proof.attempts
        return None if attempts is None or self._fault is not None or not self._is_to_end else len(attempts)

    def _result(self, segments: int) -> WriterVerification:
        proof, tip, start = self._proof, self._tip or GENESIS, self._start or GENESIS
        return WriterVerification(
            writer=self._path.name,
            segments=segments,
            records=proof.records,
            first_seq=start.seq + 1,
            seq=tip.seq,
            digest=tip.digest,
            checkpoints=proof.checkpoints,
            covered_seq=0 if proof.covered is None else proof.covered.seq,
            covered_at=None if proof.covered is None else proof.covered.at,
            uncovered=proof.uncovered,
            adopted=proof.adopted,
            without_outcome=self._without_outcome(),
            is_closed=proof.is_closed and self._torn is None,
            pruned=proof.pruned,
            quarantined=proof.quarantined,
            torn=self._torn,
            fault=self._fault,
        )


def _is_removed(path: Path, proof: ChainProof, anchor: Tip) -> bool:
    """Tell whether a signed prune or quarantine explains that the anchor is not among the lines."""
    if proof.pruned is not None and anchor.seq <= proof.pruned.last_seq:
        return True
    return any(
        stated.last_seq < anchor.seq <= stated.highest_seq
        and has_line(path / quarantined_name(stated.segment), anchor)
        for stated in proof.quarantined
    )


def _was_torn(path: Path, number: int) -> bool:
    """Tell whether the next segment begins with the checkpoint which says that the last line here is incomplete.

    Its signature is verified with the next segment.
    """
    following = path / segment_name(number + 1)
    if following.is_symlink() or not following.is_file():
        return False
    with following.open("rb") as file:
        file.readline(_LONGEST_HEADER)
        second = read_line(file.readline(_LONGEST_HEADER).removesuffix(b"\n"))
    return second is not None and second.checkpoint is not None and second.checkpoint.reason == TORN


def _last_that_fit(path: Path, closed: list[int], max_bytes: int) -> list[int]:
    count = size = 0
    for number in reversed(closed):
        file = file_of(path, number)
        size += file.lstat().st_size
        if count >= _ALWAYS_VERIFIED and size > max_bytes:
            break
        count += 1
    return closed[len(closed) - count :]


def _within(path: Path, numbers: list[int], time_range: TimeRange) -> list[int]:
    if time_range == TimeRange():
        return numbers
    created = {number: _created(path, number) for number in numbers}
    found = list(numbers)
    if time_range.since is not None:
        while len(found) > 1 and created[found[1]] <= time_range.since:
            del found[0]
    if time_range.until is not None:
        while found and created[found[-1]] > time_range.until:
            del found[-1]
    return found


def _created(path: Path, number: int) -> str:
    with file_of(path, number).open("rb") as file:
        line = read_line(file.readline(_LONGEST_HEADER).removesuffix(b"\n"))
    # A segment whose header cannot be read is verified rather than left out.
    return "" if line is None or line.header is None else line.header.created
