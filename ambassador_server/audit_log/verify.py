"""Verification of whole audit directories, by anybody who has the files: no server, no database, no key."""

from dataclasses import dataclass
from pathlib import Path

from ambassador_server.audit_log.chain import Break, Walk, walk_segment
from ambassador_server.audit_log.directory import segment_name, segment_numbers
from ambassador_server.audit_log.lines import GENESIS, Tip
from ambassador_server.errors import ConfigurationError


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
    """One writer's chain: `records` and `tip` count what is whole up to the first fault."""

    writer: str
    segments: int
    records: int
    tip: Tip
    fault: Fault | None
    torn: TornTail | None


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


def verify(directory: Path, *, pruned: bool = False) -> Verification:
    """Follow every chain under an audit directory from its first line to its last.

    With `pruned`, old segments may have been removed: a chain then begins with what its oldest header says.
    A chain proves what comes before a record, so records cut off at the very end are noticed only by comparing
    `tip` with one that was kept elsewhere. Raises ConfigurationError when the files cannot be read.
    """
    try:
        writers = sorted(path for path in directory.iterdir() if path.is_dir())
        return Verification(tuple(_verify_writer(path, pruned=pruned) for path in writers))
    except OSError as error:
        raise ConfigurationError(f"The audit log cannot be read: {error}.") from error


def _verify_writer(path: Path, *, pruned: bool) -> WriterVerification:
    numbers = segment_numbers(path)
    expected = numbers[0] if pruned and numbers else 1
    tip = None if expected > 1 else GENESIS
    records = before = 0
    fault: Fault | None = None
    torn: TornTail | None = None
    for number in numbers:
        if number != expected:
            fault = _missing(path.name, expected, tip or GENESIS)
            break
        walk = walk_segment(
            path / segment_name(number),
            writer=path.name,
            number=number,
            tip=tip,
            is_last=number == numbers[-1],
        )
        records += walk.records
        if walk.fault is not None:
            fault = _fault(path.name, number, walk.fault, lines_before=before)
            break
        torn = _torn(number, walk)
        tip, before, expected = walk.tip, walk.lines, number + 1
    return WriterVerification(
        writer=path.name, segments=len(numbers), records=records, tip=tip or GENESIS, fault=fault, torn=torn
    )


def _missing(writer: str, segment: int, tip: Tip) -> Fault:
    return Fault(writer=writer, segment=segment, line=None, seq=tip.seq + 1, problem="the segment is missing")


def _fault(writer: str, segment: int, found: Break, *, lines_before: int) -> Fault:
    if found.line == 0:
        segment, line = segment - 1, lines_before
    else:
        line = found.line
    return Fault(writer=writer, segment=segment, line=line, seq=found.seq, problem=found.problem)


def _torn(segment: int, walk: Walk) -> TornTail | None:
    return TornTail(segment=segment, offset=walk.end, size=walk.torn) if walk.torn else None
