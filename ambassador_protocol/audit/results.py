"""The results of verifying an audit directory."""

from dataclasses import asdict, dataclass
from typing import Any

from ambassador_protocol.audit.files import segment_name
from ambassador_protocol.audit.lines import Pruned, Quarantined, Tip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first fault of a writer: `segment`, `line` in it (from 1), sequence number, and what is wrong.

    `line` is None where the whole segment is missing.
    """

    writer: str
    segment: int
    line: int | None
    seq: int
    problem: str

    def __str__(self) -> str:
        """Return the file, the line, the record and the problem in one sentence."""
        place = f"{self.writer}/{segment_name(self.segment)}"
        line = "" if self.line is None else f", line {self.line}"
        return f"{place}{line}, record {self.seq}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """An incomplete line at the end of a writer's log, as a crash or a write in progress leaves it; sizes in bytes."""

    segment: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterVerification:
    """The result of verifying one writer; the numbers count what was verified before the first fault.

    `first_seq` is the first verified record, `seq` and `digest` are the last one. A signature covers every record up to
    `covered_seq`; no signature covers the `uncovered` records after it yet. `adopted` counts records that a killed
    process had left unsigned and that the next start signed. `without_outcome` counts the attempts without an outcome,
    None if the log was not verified to its end. `is_closed` is true when the log ends with
    the checkpoint of a regular stop. `pruned` is what a prune removed. `quarantined` are the broken segments that
    signed checkpoints say were quarantined: of these, the lines before the broken one are verified.
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
    adopted: int
    without_outcome: int | None
    is_closed: bool
    pruned: Pruned | None
    quarantined: tuple[Quarantined, ...]
    torn: TornTail | None
    fault: Fault | None

    @property
    def tip(self) -> Tip:
        """Return the last line."""
        return Tip(self.seq, self.digest)


@dataclass(frozen=True, slots=True)
class Verification:
    """The results of all writers; a torn last line is no fault, but a directory without any record is one."""

    writers: tuple[WriterVerification, ...]
    is_empty: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether there are records and no writer has a fault."""
        return not self.is_empty and all(writer.fault is None for writer in self.writers)

    @property
    def records(self) -> int:
        """Return the number of verified records."""
        return sum(writer.records for writer in self.writers)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the first fault of every writer that has one."""
        return tuple(writer.fault for writer in self.writers if writer.fault is not None)

    def documents(self) -> list[dict[str, Any]]:
        """Return one JSON object for each writer; `fault.place` is the fault as a sentence."""
        found: list[dict[str, Any]] = [
            {"writer": writer.writer, "ok": writer.fault is None} | asdict(writer) for writer in self.writers
        ]
        for writer, document in zip(self.writers, found, strict=True):
            if writer.fault is not None:
                document["fault"]["place"] = str(writer.fault)
        return found
