"""The clock, as a port."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests use one that they set."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...
