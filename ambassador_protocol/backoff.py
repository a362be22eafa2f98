"""How long to wait before the next attempt, when attempts fail."""

import os
from typing import NamedTuple


class Backoff(NamedTuple):
    """Pauses in seconds that double up to the longest, never in step: not all who lost a server come back at once."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """Return the pause after so many failures in a row."""
        span: float = min(self.longest, self.first * 2 ** min(max(failures - 1, 0), 32))
        return span * jitter()


def jitter() -> float:
    """Return a random factor between 0.5 and 1."""
    # Not from `random`, whose import takes longer than a command of the client may.
    return 0.5 + os.urandom(1)[0] / 510
