"""The clock, as a port."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests use a clock that they set."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""
        ...
