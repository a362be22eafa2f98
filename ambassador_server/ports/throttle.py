"""What the rules need against guessing."""

from typing import Protocol


class Throttle(Protocol):
    """Counts failures per caller; successes cost nothing."""

    def wait_seconds(self, caller: str) -> int:
        """Return how long this caller must wait, 0 when it may try."""
        ...

    def failed(self, caller: str) -> None:
        """Count one failure."""
        ...
