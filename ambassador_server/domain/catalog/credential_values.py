"""Checks the value of a credential field against the place it goes to."""

from typing import Final

from ambassador_server.domain.catalog.credential_needs import VALUE, CredentialField, Place
from ambassador_server.errors import InvalidInputError

LONGEST_VALUE: Final = 64 * 1024
_LONGEST_IN_REQUEST: Final = 8 * 1024
"""Many servers refuse a request with a longer head."""

_IN_REQUEST: Final = frozenset({Place.HEADER, Place.QUERY})


def check_value(field: CredentialField, value: str) -> None:
    """Raise InvalidInputError, which names the field but not the value, for one that cannot be sent.

    A header with a line end would add headers to a request; programs cannot be given a NUL.
    """
    if not value:
        raise InvalidInputError(f"{field.name}: a value cannot be empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"{field.name}: not valid text") from None
    limit = _LONGEST_IN_REQUEST if field.place in _IN_REQUEST else LONGEST_VALUE
    if size > limit:
        raise InvalidInputError(f"{field.name}: at most {limit} bytes")
    if field.place is Place.HEADER and not (value.isprintable() and value == value.strip()):
        raise InvalidInputError(
            f"{field.name}: the value of a header has no control characters, and no spaces around it"
        )
    if field.place is Place.ARGUMENT and field.template.startswith(VALUE) and value.startswith("-"):
        raise InvalidInputError(
            f"{field.name}: a program would take a value that begins with '-' for an option"
        )
    if "\0" in value:
        raise InvalidInputError(f"{field.name}: a value cannot hold a NUL character")
