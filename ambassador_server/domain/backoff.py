"""How long to wait before the next attempt."""

import math
import random


class Backoff:
    """Exponential, with jitter, so that those who lost the same thing do not all come back at once."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after one more failure: between half and all of a doubling span."""
        span = min(self._longest, math.ldexp(self._first, min(self._failures, 32)))
        self._failures += 1
        return span * (0.5 + random.random() / 2)  # noqa: S311 - jitter, nothing to guess

    def reset(self) -> None:
        """Start over after a success that lasted."""
        self._failures = 0
