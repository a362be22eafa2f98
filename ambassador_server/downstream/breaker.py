"""The circuit breaker of one downstream: after failures in a row calls are refused at once until a probe succeeds."""

from collections.abc import Callable

from ambassador_server.domain.catalog.mcps import BreakerState


class Breaker:
    """Counts failures in a row; `threshold` of them open it, and the first session that opens then closes it.

    A failure is an attempt to connect, a session or a call that ended without an answer of the downstream. An error
    that a tool returns is an answer. `changed` is called when it opens and when it closes.
    """

    def __init__(self, threshold: int, changed: Callable[[BreakerState], None]) -> None:
        self.failures = 0
        self.threshold = threshold
        self._changed = changed
        self._answers = 0
        self.is_open = False

    def failed(self, answers: int, *, times: int = 1) -> None:
        """Count failures; `answers` is how many answers there were so far, of which a new one ends the row."""
        if answers != self._answers:
            self._answers, self.failures = answers, 0
        self.failures += times
        if self.failures >= self.threshold and not self.is_open:
            self.is_open = True
            self._changed(BreakerState.OPEN)

    def connected(self) -> None:
        """Close it, because a session was opened; without it being open, only an answered call ends the row."""
        if self.is_open:
            self.is_open, self.failures = False, 0
            self._changed(BreakerState.CLOSED)
