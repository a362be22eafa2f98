"""Validates names, owner labels, addresses and free texts, and finds the names that a misspelt one may have meant."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from ambassador_server.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_LOCAL_PART = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}")
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")
_ADDRESS_LIMIT = 254
_TEXT_LIMIT = 1000
_MOST_SIMILAR = 3
_MOST_COMPARED = 5000


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


def check_address(address: str) -> str | None:
    """Return an e-mail address, None for the empty one, or raise InvalidInputError."""
    if address and (len(address) > _ADDRESS_LIMIT or not address.isprintable() or not _is_address(address)):
        raise InvalidInputError(f"{address[:60]!r} is not an e-mail address, such as alice@example.com.")
    return address or None


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    return _LOCAL_PART.fullmatch(local) is not None and all(map(_LABEL.fullmatch, labels))


def check_text(kind: str, text: str) -> str:
    """Return a free text of one line, or raise InvalidInputError: printable, up to 1,000 characters."""
    if len(text) > _TEXT_LIMIT or not text.isprintable():
        raise InvalidInputError(
            f"The {kind} must be one line of printable text, at most {_TEXT_LIMIT} characters."
        )
    return text


def similar_names(name: str, known: Collection[str]) -> list[str]:
    """Return at most three known names that a misspelt or shortened name may stand for, the most similar first."""
    if len(known) > _MOST_COMPARED:
        # Comparing takes long among very many names, and few people misspell the first letter.
        known = [each for each in known if each[:1].casefold() == name[:1].casefold()][:_MOST_COMPARED]
    folded: dict[str, list[str]] = {}
    for each in known:
        folded.setdefault(each.casefold(), []).append(each)
    wanted = name.casefold()
    close = get_close_matches(wanted, folded) or sorted(each for each in folded if each.startswith(wanted))
    return [each for spelling in close if name for each in folded[spelling]][:_MOST_SIMILAR]


def near(name: str, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the similar known ones, if there are any."""
    found = ", ".join(map(repr, similar_names(name, known)))
    return f"; near: {found}" if found else ""
