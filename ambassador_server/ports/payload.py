"""What the rules need to know of a raw JSON payload; reading it is somebody else's craft."""

from typing import Any, Protocol


class PayloadReader(Protocol):
    """Looks into raw JSON without changing a byte of it."""

    def value(self, raw: bytes) -> Any:
        """Return the JSON value as plain Python; raises InvalidInputError when it is not JSON."""
        ...

    def is_error_result(self, raw: bytes) -> bool:
        """Tell whether a tool result says `isError: true`."""
        ...
