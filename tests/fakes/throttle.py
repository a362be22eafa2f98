"""A throttle that counts failures without a time window."""

from collections import Counter


class CountingThrottle:
    """Implements `ports.throttle.Throttle`: the caller waits a minute after so many failures."""

    def __init__(self, allowed: int = 3) -> None:
        self._allowed = allowed
        self._failures: Counter[str] = Counter()

    def wait_seconds(self, caller: str) -> int:
        return 60 if self._failures[caller] >= self._allowed else 0

    def failed(self, caller: str) -> None:
        self._failures[caller] += 1
