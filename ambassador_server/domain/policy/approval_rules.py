"""What a grant demands before a call: the approval by another person, who may give it, and how long it is good."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from ambassador_server.errors import InvalidInputError

SHORTEST_VALID: Final = timedelta(seconds=10)
LONGEST_VALID: Final = timedelta(days=7)
USUAL_VALID: Final = timedelta(minutes=10)


class ApprovalRule(Struct, frozen=True):
    """Calls need an approval, which is good for so many seconds after it was given.

    `approvers` is the id of the group whose members decide; without one, administrators do.
    """

    valid_seconds: int
    approvers: str | None = None


def check_valid(seconds: int) -> int:
    """Return for how many seconds an approval is good. Raises InvalidInputError for too few or too many."""
    if not SHORTEST_VALID <= timedelta(seconds=seconds) <= LONGEST_VALID:
        raise InvalidInputError("valid_seconds: an approval is good for 10 seconds to 7 days")
    return seconds
