"""Reading raw JSON payloads, as a port."""

from typing import Any, Protocol


class PayloadReader(Protocol):
    """Reads raw JSON."""

    def value(self, raw: bytes) -> Any:
        """Return the JSON value as a Python value. Raises InvalidInputError if it is not JSON."""
        ...

    def is_error_result(self, raw: bytes) -> bool:
        """Tell whether a tool result has `isError: true`."""
        ...
