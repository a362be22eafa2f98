"""Validates names, owner labels and free texts, so that they are safe in paths, shells, logs and tables."""

import re

from ambassador_server.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_TEXT_LIMIT = 1000


def check_name(kind: str, name: str) -> str:
    """Return the name of a user, group or key, or raise InvalidInputError."""
    if _NAME.fullmatch(name) is None:
        raise InvalidInputError(
            f"{name[:60]!r} is not a {kind} name: letters, digits and '.', '_', '@', '+', '-', "
            "starting with a letter or digit, at most 128."
        )
    return name


def check_owner(label: str) -> str | None:
    """Return the label of a declarative file, None for the empty one, or raise InvalidInputError."""
    if label and _OWNER.fullmatch(label) is None:
        raise InvalidInputError(
            f"{label[:60]!r} is not an owner: letters, digits and '.', '_', '-', '/', at most 128."
        )
    return label or None


def check_text(kind: str, text: str) -> str:
    """Return a free text of one line, or raise InvalidInputError: printable, up to 1,000 characters."""
    if len(text) > _TEXT_LIMIT or not text.isprintable():
        raise InvalidInputError(
            f"The {kind} must be one line of printable text, at most {_TEXT_LIMIT} characters."
        )
    return text
