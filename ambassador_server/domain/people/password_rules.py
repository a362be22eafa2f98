"""Rules for new passwords."""

import unicodedata

from ambassador_server.errors import InvalidInputError

SHORTEST = 12
LONGEST = 1024
_MIN_DIFFERENT = 5
_MIN_NAME_LENGTH = 4
"""A shorter user name may be part of a password by chance."""


def check_password(password: str, user_name: str) -> str:
    """Return the password in the form that is hashed, or raise InvalidInputError if it is too weak."""
    normalised = normalised_password(password)
    if normalised is None:
        raise InvalidInputError(
            f"A password has {SHORTEST} to {LONGEST} printable characters; several words are easy to keep in mind."
        )
    if len(set(normalised)) < _MIN_DIFFERENT:
        raise InvalidInputError("That password repeats the same few characters.")
    if len(user_name) >= _MIN_NAME_LENGTH and user_name.casefold() in normalised.casefold():
        raise InvalidInputError("That password has the user's name in it.")
    return normalised


def normalised_password(password: str) -> str | None:
    """Return the password in NFKC, because keyboards compose characters differently; None if it cannot be one."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        return None
    return unicodedata.normalize("NFKC", password)
