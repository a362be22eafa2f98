"""A family of metrics as a value, independent of the format in which it is served."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class FamilyKind(StrEnum):
    """How the values of a family move; `COUNT` is a counter whose name does not say so."""

    COUNTER = "counter"
    COUNT = "count"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A value of a histogram: how many were at most each bound, and more than the last one, and their sum."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


Value: TypeAlias = float | Distribution
Sample: TypeAlias = tuple[Sequence[str], Value]
"""The values of the labels in their order, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of metrics; `samples` is read once, in another thread, so it must hold nothing that changes."""

    name: str
    kind: FamilyKind
    help: str
    labels: tuple[str, ...] = ()
    samples: Iterable[Sample]


def single(kind: FamilyKind, name: str, text: str, value: float | None) -> Family:
    """Return a family with one value without labels, and without any if the value is not known."""
    return Family(name=name, kind=kind, help=text, samples=() if value is None else (((), value),))
