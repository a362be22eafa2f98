"""The body that every list returns."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list; `next_cursor` is None on the last page, `total` None where it is not counted."""

    items: list[T]
    next_cursor: str | None
    total: int | None = None
