"""Throttles failed attempts in memory, with the `limits` library."""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ambassador_server.errors import ConfigurationError


class FailureThrottle:
    """Implements `ports.throttle.Throttle` with a moving window in memory, such as `10/minute`."""

    def __init__(self, limit: str) -> None:
        try:
            self._limit: RateLimitItem = parse(limit)
        except ValueError:
            raise ConfigurationError(
                f"limits.failed_logins: {limit!r} is not a limit such as '10/minute'."
            ) from None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_seconds(self, caller: str) -> int:
        """Return how long this caller must wait, 0 if it need not."""
        if self._limiter.test(self._limit, caller):
            return 0
        return max(1, math.ceil(self._limiter.get_window_stats(self._limit, caller).reset_time - time.time()))

    def failed(self, caller: str) -> None:
        """Count one failure."""
        self._limiter.hit(self._limit, caller)
