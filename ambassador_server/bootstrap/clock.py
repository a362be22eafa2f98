"""Reads the machine's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `ports.clock.Clock`."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    """Return the seconds of a clock that never goes back; a call reads it half a dozen times."""
