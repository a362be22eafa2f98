"""The answer of every list."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A list answer: the rows, and where the next page starts."""

    items: list[Any]
    next_cursor: str | None
    total: int | None = None
