"""What can be a password."""

import unicodedata

from ambassador_server.errors import InvalidInputError

SHORTEST = 12
LONGEST = 1024
_FEWEST_DIFFERENT = 5
_NAME_THAT_TELLS = 4


def check_password(password: str, user_name: str) -> str:
    """Return the password as it is hashed, or raise InvalidInputError; length counts more than kinds of characters."""
    offered = normalised_password(password)
    if offered is None:
        raise InvalidInputError(
            f"A password has {SHORTEST} to {LONGEST} printable characters; several words are easy to keep in mind."
        )
    if len(set(offered)) < _FEWEST_DIFFERENT:
        raise InvalidInputError("That password repeats the same few characters.")
    if len(user_name) >= _NAME_THAT_TELLS and user_name.casefold() in offered.casefold():
        raise InvalidInputError("That password has the user's name in it.")
    return offered


def normalised_password(password: str) -> str | None:
    """Return the one form of a password, however a keyboard composes its characters; None for what can be none."""
    if not SHORTEST <= len(password) <= LONGEST or not password.isprintable():
        return None
    return unicodedata.normalize("NFKC", password)
