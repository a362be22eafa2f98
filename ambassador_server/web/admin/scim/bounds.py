"""How much one request may ask; the library parses paths and filters slowly, so that these are checked before."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scim2_models import InvalidPathException, InvalidSyntaxException, InvalidValueException

MOST_OPERATIONS: Final = 1_000
LONGEST_FILTER: Final = 2_000
MOST_PATH_CHARACTERS: Final = 128 * 1024
"""How long all paths of a PATCH are together."""


def operations_of(document: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the operations of a PATCH, and the key that has them; raises an error of SCIM if they exceed a bound.

    Operations that are not a list are left to the library, which refuses them.
    """
    keys = [key for key in document if key.casefold() == "operations"]
    if len(keys) > 1:
        raise InvalidSyntaxException(detail="A PATCH has its operations twice")
    key = keys[0] if keys else "Operations"
    operations = document.get(key)
    if not isinstance(operations, list):
        return key, []
    if len(operations) > MOST_OPERATIONS:
        raise InvalidValueException(detail=f"A PATCH has at most {MOST_OPERATIONS:,} operations")
    _check_paths(operations)
    return key, operations


def _check_paths(operations: list[Any]) -> None:
    total = 0
    for operation in operations:
        for name, value in operation.items() if isinstance(operation, dict) else ():
            if name.casefold() == "path" and isinstance(value, str):
                total += len(value)
                _check_path(value)
            for key in _keys(value):
                _check_path(key)
    if total > MOST_PATH_CHARACTERS:
        raise InvalidPathException(
            detail=f"The paths of a PATCH have at most {MOST_PATH_CHARACTERS:,} characters"
        )


def _check_path(path: str) -> None:
    if len(path) > LONGEST_FILTER:
        raise InvalidPathException(detail=f"A path has at most {LONGEST_FILTER:,} characters")


def _keys(value: Any) -> Iterator[str]:
    """Return the keys at each depth of a value; each of them may be a path."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key
        yield from _keys(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _keys(inner)
