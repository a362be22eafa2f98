"""Decides how long the copying pauses after each batch."""

import time
from dataclasses import dataclass, field

_BUSY_SHARE = 0.45
"""The share of one core that the copying takes at most while calls arrive."""
_GAP = 0.3
"""After a transaction the database is left to other writers for this part of its duration, at any speed."""
_LONGEST_PAUSE = 0.25


@dataclass(slots=True)
class Pace:
    """Measures the processor time of this process; `full_speed` is for an idle server and for waiting queries."""

    full_speed: bool = False
    _wall: float = field(default_factory=time.monotonic)
    _used: float = field(default_factory=time.process_time)

    def begin(self) -> None:
        """Measure from now on."""
        self._wall, self._used = time.monotonic(), time.process_time()

    def pause(self, held: float) -> float:
        """Return the seconds to pause after a batch whose transaction was open for `held` seconds."""
        gap = held * _GAP
        if self.full_speed:
            return gap
        used, wall = time.process_time() - self._used, time.monotonic() - self._wall
        return min(max(gap, used / _BUSY_SHARE - wall), _LONGEST_PAUSE)
