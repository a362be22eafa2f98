"""Anomalies: contradictions of the audit log that a running server has found."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AnomalyKind(StrEnum):
    """What contradicts the log."""

    SEGMENT_BROKEN = "segment_broken"
    TOO_MANY_ADOPTED = "too_many_adopted"
    INDEX_DIFFERS = "index_differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A contradiction in the log of a writer, in words and with its details."""

    kind: AnomalyKind
    writer: str
    sentence: str
    details: Mapping[str, Any]
