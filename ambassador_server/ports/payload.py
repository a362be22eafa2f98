"""Reading raw JSON payloads, as a port."""

from typing import Any, Protocol


class PayloadReader(Protocol):
    """Reads raw JSON."""

    def value(self, raw: bytes) -> Any:
        """Return the JSON value as a Python value, with every member. Raises InvalidInputError if it cannot be read.

        A name that an object has more than once is numbered, as by `domain.secrets.marks.duplicate_name`.
        """
        ...

    def beginning(self, raw: bytes, values: int, size: int) -> Any:
        """Return as `value` does, but of a large document only so many values, with a mark for the rest.

        `size` bounds the characters of all texts; of each it counts no more than the audit keeps.
        """
        ...

    def is_error_result(self, raw: bytes) -> bool:
        """Tell whether a tool result has `isError: true`."""
        ...

    def asked_methods(self, raw: bytes) -> tuple[str, ...]:
        """Return the methods of the questions in a result that asks for input, or in the state of a task."""
        ...
