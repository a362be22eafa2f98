"""The answer of every list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A list answer: the rows, and where the next page starts; the total is absent where it is not counted."""

    items: list[T]
    next_cursor: str | None
    total: int | None = None
