"""Time, as the services need it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; a test moves it by hand."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...
