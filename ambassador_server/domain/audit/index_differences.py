"""How the index of the audit can differ from the log that it is a copy of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ambassador_server.domain.audit.events import AuditRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifferences:
    """What differs in one piece of the index: records without a row, and the numbers of the other rows."""

    missing: tuple[AuditRecord, ...] = ()
    altered: tuple[int, ...] = ()
    surplus: tuple[int, ...] = ()

    def __add__(self, other: "RowDifferences") -> "RowDifferences":
        """Return the differences of both pieces."""
        return RowDifferences(
            missing=self.missing + other.missing,
            altered=self.altered + other.altered,
            surplus=self.surplus + other.surplus,
        )


def differences(
    records: Sequence[AuditRecord], rows: Mapping[int, T], is_copy: Callable[[AuditRecord, T], bool]
) -> RowDifferences:
    """Compare records of the log with the rows that have numbers of the same range."""
    known = {record.seq for record in records}
    return RowDifferences(
        missing=tuple(record for record in records if record.seq not in rows),
        altered=tuple(
            record.seq for record in records if record.seq in rows and not is_copy(record, rows[record.seq])
        ),
        surplus=tuple(seq for seq in rows if seq not in known),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDifference:
    """How many rows of a writer differ from its log, and the first and last number among them."""

    writer: str
    first_seq: int
    last_seq: int
    missing: int
    altered: int
    surplus: int

    @classmethod
    def of(cls, writer: str, found: RowDifferences) -> "IndexDifference | None":
        """Count the rows; None if there is no difference."""
        seqs = [*(record.seq for record in found.missing), *found.altered, *found.surplus]
        if not seqs:
            return None
        return cls(
            writer=writer,
            first_seq=min(seqs),
            last_seq=max(seqs),
            missing=len(found.missing),
            altered=len(found.altered),
            surplus=len(found.surplus),
        )

    def __add__(self, other: "IndexDifference | None") -> "IndexDifference":
        """Return both differences as one."""
        if other is None:
            return self
        return IndexDifference(
            writer=self.writer,
            first_seq=min(self.first_seq, other.first_seq),
            last_seq=max(self.last_seq, other.last_seq),
            missing=self.missing + other.missing,
            altered=self.altered + other.altered,
            surplus=self.surplus + other.surplus,
        )

    @property
    def sentence(self) -> str:
        """Return the difference in words."""
        return (
            f"{self.writer}: the index differs from the log between records {self.first_seq} and "
            f"{self.last_seq}: {self.missing} missing, {self.altered} altered, {self.surplus} surplus"
        )
