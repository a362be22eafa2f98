"""Anchors: what the database knows of the end of an audit log, and how a log can contradict that."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LossKind(StrEnum):
    """How a log contradicts the anchor of its writer."""

    WRITER_MISSING = "writer_missing"
    ENDS_BEFORE = "ends_before"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The last checkpoint of a writer that the disk has: the number and digest of its line, and its segment."""

    writer: str
    seq: int
    digest: str
    segment: int
    at: datetime


_SENTENCES = {
    LossKind.WRITER_MISSING: "the log has no directory, but the database knows its checkpoint at line {seq}",
    LossKind.ENDS_BEFORE: "the log ends before line {seq}, the checkpoint that the database knows",
    LossKind.DIFFERS: "the log has another line {seq} than the checkpoint that the database knows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorLoss:
    """A log that lacks the checkpoint of its anchor."""

    kind: LossKind
    anchor: Anchor

    @property
    def sentence(self) -> str:
        """Return the loss in words."""
        return f"{self.anchor.writer}: {_SENTENCES[self.kind].format(seq=self.anchor.seq)}"
