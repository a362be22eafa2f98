"""`env://NAME`: an environment variable of the server."""

import os
from typing import Final

from ambassador_protocol.references import check_variable, read_variable

WAITS: Final = False


def check(place: str) -> None:
    """Raise SecretReferenceError for what cannot be the name of a variable."""
    check_variable(place)


def resolve(place: str) -> str:
    """Return the value of the variable; raises SecretReferenceError where it is empty or missing."""
    return read_variable(place, os.environ)
