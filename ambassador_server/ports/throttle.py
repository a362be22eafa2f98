"""A throttle for failed attempts, as a port."""

from typing import Protocol


class Throttle(Protocol):
    """Counts the failed attempts of each caller."""

    def wait_seconds(self, caller: str) -> int:
        """Return how long this caller must wait; 0 if it need not wait."""
        ...

    def failed(self, caller: str) -> None:
        """Count a failed attempt."""
        ...
