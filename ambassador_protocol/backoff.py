"""Computes the pause before the next attempt after failures."""

import os
from typing import NamedTuple


class Backoff(NamedTuple):
    """Pauses in seconds that double up to `longest`, with jitter, so that clients do not reconnect simultaneously."""

    first: float
    longest: float

    def after(self, failures: int) -> float:
        """Return the pause in seconds after this number of consecutive failures."""
        span: float = min(self.longest, self.first * 2 ** min(max(failures - 1, 0), 32))
        return span * jitter()


def jitter() -> float:
    """Return a random factor between 0.5 and 1."""
    # Without `random`, whose import is too slow for the start of the client.
    return 0.5 + os.urandom(1)[0] / 510
