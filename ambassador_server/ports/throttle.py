"""A throttle for failed attempts, and the rates of client keys, as ports."""

from typing import NamedTuple, Protocol


class Throttle(Protocol):
    """Counts the failed attempts of each caller."""

    def wait_seconds(self, caller: str) -> int:
        """Return how long this caller must wait; 0 if it need not wait."""
        ...

    def failed(self, caller: str) -> None:
        """Count a failed attempt."""
        ...


class RateRefusal(NamedTuple):
    """A key has to wait. `to_record` is how many refusals a record must count; 0 means to record none now."""

    wait_seconds: int
    to_record: int


class Rate(Protocol):
    """Bounds how much of something one client key does per minute."""

    def take(self, key_id: str, amount: int = 1) -> RateRefusal | None:
        """Return None and count the amount, or return the refusal if the key has to wait."""
        ...
