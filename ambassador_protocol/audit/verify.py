"""Verification of whole audit directories, by anybody who has the files: no server and no database."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ambassador_protocol.audit.chain import Break, Proof, walk_segment
from ambassador_protocol.audit.files import segment_name, segment_numbers
from ambassador_protocol.audit.lines import GENESIS, Pruned, Tip, read_line
from ambassador_protocol.audit.public_keys import PublicKey, by_id

_LONGEST_HEADER = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first broken record of a writer: file `segment`, `line` from 1, sequence number, and what is wrong.

    `line` is None where the whole segment is missing.
    """

    writer: str
    segment: int
    line: int | None
    seq: int
    problem: str

    def __str__(self) -> str:
        """Return the place and the problem in one sentence."""
        place = f"{self.writer}/{segment_name(self.segment)}"
        line = "" if self.line is None else f", line {self.line}"
        return f"{place}{line}, record {self.seq}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """Bytes behind the last whole line of a writer: what a crash, or a write in progress, leaves."""

    segment: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterVerification:
    """One writer's chain; every number counts what is whole, up to the first fault.

    `first_seq` is where the walk began; `seq` and `digest` are the last line, worth keeping elsewhere. The signature
    covers everything up to `covered_seq`; the `uncovered` records behind it hang on the chain alone. `is_closed` says
    that the log ends as a server ends it that stops in order. `pruned` is what was removed on purpose.
    """

    writer: str
    segments: int
    records: int
    first_seq: int
    seq: int
    digest: str
    checkpoints: int
    covered_seq: int
    covered_at: str | None
    uncovered: int
    is_closed: bool
    pruned: Pruned | None
    torn: TornTail | None
    fault: Fault | None

    @property
    def tip(self) -> Tip:
        """Return the last line."""
        return Tip(self.seq, self.digest)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; a torn tail alone breaks nothing."""

    writers: tuple[WriterVerification, ...]

    @property
    def ok(self) -> bool:
        """Tell whether every chain is whole."""
        return all(writer.fault is None for writer in self.writers)

    @property
    def records(self) -> int:
        """Return how many records hang on whole chains."""
        return sum(writer.records for writer in self.writers)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the first fault of every broken writer."""
        return tuple(writer.fault for writer in self.writers if writer.fault is not None)

    def documents(self) -> list[dict[str, Any]]:
        """Return one JSON object for each writer; `fault.place` is the fault in words."""
        found: list[dict[str, Any]] = [
            {"writer": writer.writer, "ok": writer.fault is None} | asdict(writer) for writer in self.writers
        ]
        for writer, document in zip(self.writers, found, strict=True):
            if writer.fault is not None:
                document["fault"]["place"] = str(writer.fault)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which segments: those with records of this time, as header times (UTC, ISO-8601); None is no bound."""

    since: str | None = None
    until: str | None = None


EVERYTHING: Final = Span()
NO_ANCHORS: Final[Mapping[str, Tip]] = {}


def verify(
    directory: Path,
    keys: Iterable[PublicKey] | None,
    *,
    span: Span = EVERYTHING,
    anchors: Mapping[str, Tip] = NO_ANCHORS,
    breathe: Callable[[], None] = lambda: None,
) -> Verification:
    """Follow every chain under an audit directory; without `keys` the signatures are believed.

    A chain proves what comes before a record. What is cut off at the very end shows in `uncovered` and `is_closed`,
    and for certain only against `anchors`: lines kept elsewhere, by writer. `breathe` is called every few lines.
    Raises OSError when the files cannot be read, NoCryptographyError when signatures cannot be checked.
    """
    trusted = None if keys is None else by_id(keys)
    writers = sorted(path for path in directory.iterdir() if path.is_dir() and not path.is_symlink())
    found = [
        _Chain(path, Proof(path.name, trusted, anchor=anchors.get(path.name)), breathe).verify(span)
        for path in writers
    ]
    gone = [_gone(name, anchors[name]) for name in sorted(anchors.keys() - {path.name for path in writers})]
    return Verification((*found, *gone))


class _Chain:
    def __init__(self, path: Path, proof: Proof, breathe: Callable[[], None]) -> None:
        self._path = path
        self._proof = proof
        self._breathe = breathe
        self._start: Tip | None = None
        self._tip: Tip | None = GENESIS
        self._lines_before = 0
        self._last = 1
        self._fault: Fault | None = None
        self._torn: TornTail | None = None

    def verify(self, span: Span) -> WriterVerification:
        numbers = segment_numbers(self._path)
        wanted = _within(self._path, numbers, span)
        if wanted and wanted[0] > 1:
            self._tip = None
        self._follow(wanted, last=max(numbers, default=0))
        is_from_the_first = bool(wanted) and 1 < wanted[0] == numbers[0]
        if self._fault is None and is_from_the_first and wanted[-1] == numbers[-1]:
            self._fault = self._beginning_fault(wanted[0])
        if self._fault is None and wanted[-1:] == numbers[-1:]:
            self._fault = self._end_fault()
        return self._result(len(wanted))

    def missing(self) -> WriterVerification:
        """Return the finding for a writer that has no files at all."""
        self._fault = self._end_fault()
        return self._result(0)

    def _follow(self, wanted: list[int], *, last: int) -> None:
        for expected, number in enumerate(wanted, wanted[0] if wanted else 1):
            if number != expected:
                self._fault = self._at(
                    expected, None, (self._tip or GENESIS).seq + 1, "the segment is missing"
                )
                return
            walk = walk_segment(
                self._path / segment_name(number),
                number=number,
                tip=self._tip,
                is_last=number == last,
                proof=self._proof,
                breathe=self._breathe,
            )
            self._start = self._start or walk.start
            if walk.fault is not None:
                self._fault = self._broken(number, walk.fault)
                self._tip = walk.tip
                return
            self._torn = TornTail(segment=number, offset=walk.end, size=walk.torn) if walk.torn else None
            self._tip, self._lines_before, self._last = walk.tip, walk.lines, number

    def _beginning_fault(self, first: int) -> Fault | None:
        gone, start = self._proof.pruned, self._start
        if gone is None or gone.segment < first - 1:
            return self._at(
                1, None, 1, "the segment is missing, and no signed record says that it was pruned"
            )
        # A prune that was interrupted leaves more than it wanted to; only a complete one names our first `prev`.
        if gone.segment == first - 1 and start != Tip(gone.last_seq, gone.head):
            problem = "what was pruned before it ended with another record than this one continues"
            return self._at(first, 1, gone.last_seq + 1, problem)
        return None

    def _end_fault(self) -> Fault | None:
        anchor, tip = self._proof.anchor, self._tip or GENESIS
        if anchor is None or anchor.seq <= tip.seq:
            return None
        problem = f"the log ends with record {tip.seq}, but record {anchor.seq} was kept elsewhere"
        return self._at(self._last, None, tip.seq + 1, problem)

    def _broken(self, number: int, found: Break) -> Fault:
        if found.line == 0:
            return self._at(number - 1, self._lines_before, found.seq, found.problem)
        return self._at(number, found.line, found.seq, found.problem)

    def _at(self, segment: int, line: int | None, seq: int, problem: str) -> Fault:
        return Fault(writer=self._path.name, segment=segment, line=line, seq=seq, problem=problem)

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
            is_closed=proof.is_closed and self._torn is None,
            pruned=proof.pruned,
            torn=self._torn,
            fault=self._fault,
        )


def _gone(writer: str, anchor: Tip) -> WriterVerification:
    chain = _Chain(Path(writer), Proof(writer, None, anchor=anchor), lambda: None)
    return chain.missing()


def _within(path: Path, numbers: list[int], span: Span) -> list[int]:
    if span == Span():
        return numbers
    created = {number: _created(path / segment_name(number)) for number in numbers}
    found = list(numbers)
    if span.since is not None:
        while len(found) > 1 and created[found[1]] <= span.since:
            del found[0]
    if span.until is not None:
        while found and created[found[-1]] > span.until:
            del found[-1]
    return found


def _created(segment: Path) -> str:
    with segment.open("rb") as file:
        line = read_line(file.readline(_LONGEST_HEADER).removesuffix(b"\n"))
    # A beginning that cannot be read is looked at rather than left out.
    return "" if line is None or line.header is None else line.header.created
