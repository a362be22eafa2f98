"""Finds and masks secrets in text by their shape: the table of all shapes, and how it is applied.

Every expression takes time linear in the length of any text: after a literal prefix it either fails within a bounded
number of characters or consumes what it has read, and no repetition contains another that could match the same text.
"""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache

from ambassador_server.domain.secrets.addresses import ADDRESSES
from ambassador_server.domain.secrets.card_numbers import CARDS
from ambassador_server.domain.secrets.command_lines import COMMAND_LINES
from ambassador_server.domain.secrets.encoded_tokens import OWN_ENCODED, may_be_encoded
from ambassador_server.domain.secrets.issued_tokens import ISSUED
from ambassador_server.domain.secrets.marks import WITHHELD
from ambassador_server.domain.secrets.own_tokens import OWN, may_hold_own
from ambassador_server.domain.secrets.private_keys import PRIVATE_KEYS
from ambassador_server.domain.secrets.rules import LONG, Shape
from ambassador_server.domain.secrets.written_secrets import AFTER_A_NAME, AFTER_A_WORD, NAMED, SHORT_NAMES

_log = logging.getLogger(__name__)

SHAPES = (
    OWN,
    OWN_ENCODED,
    *PRIVATE_KEYS,
    *ISSUED,
    AFTER_A_WORD,
    AFTER_A_NAME,
    *ADDRESSES,
    NAMED,
    SHORT_NAMES,
    COMMAND_LINES,
    CARDS,
)
"""The table, in the order in which it is applied."""


def possible_shapes(texts: Iterable[str]) -> list[Shape]:
    """Return the shapes that may occur in the texts; for most texts there is none, which saves the expensive search."""
    lowered = "\n".join(texts).lower()
    needing = _shapes_needing if len(lowered) >= LONG else _short_shapes_needing
    return [shape for shape in needing(needed_in(lowered)) if shape.occurs(lowered)]


_NEEDED = frozenset[str]().union(*(shape.needs for shape in SHAPES))
_NEEDLESS = bytes(code for code in range(128) if chr(code) not in _NEEDED)


def needed_in(lowered: str) -> frozenset[str]:
    """Return the characters of a text that some shape needs."""
    if lowered.isascii():
        # Most characters are needless, and dropped by the fastest means before a set is made of the others.
        return frozenset(lowered.encode().translate(None, _NEEDLESS).decode())
    return _NEEDED & frozenset(lowered)


# The same few combinations of characters come with every call.
@lru_cache(maxsize=1024)
def _shapes_needing(present: frozenset[str]) -> tuple[Shape, ...]:
    return tuple(shape for shape in SHAPES if not shape.needs.isdisjoint(present))


@lru_cache(maxsize=1024)
def _short_shapes_needing(present: frozenset[str]) -> tuple[Shape, ...]:
    return tuple(shape for shape in _shapes_needing(present) if not shape.is_long)


# UUIDs and digests are no secrets, but their digits can happen to be a valid card number.
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


def mask_shapes(text: str, shapes: Iterable[Shape]) -> str:
    """Return the text with every secret of these shapes replaced, or a mark if the text cannot be searched."""
    if _IDENTIFIER.fullmatch(text) is not None:
        return text
    try:
        for shape in shapes:
            for rule in shape.rules:
                text = rule(text)
    except Exception as error:
        # A record without this text is better than no record, and better than a call that fails for its text.
        log_withheld(error)
        return WITHHELD
    return text


def log_withheld(error: Exception) -> None:
    """Log that something could not be searched for secrets; the log gets the place of the error and no content."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" at {place.tb_frame.f_code.co_name}:{place.tb_lineno}"
    _log.error(
        "A text could not be redacted and is withheld from the audit: %s%s", type(error).__name__, where
    )


def mask_own_keys(text: str) -> str:
    """Return the text without keys and tokens of this product, in any disguise; other secrets stay."""
    lowered = text.lower()
    if may_hold_own(lowered):
        return mask_shapes(text, (OWN,))
    return mask_shapes(text, (OWN_ENCODED,)) if may_be_encoded(lowered) else text


def mask_text(text: str) -> str:
    """Return the text with every secret in it replaced, or a mark if the text cannot be searched."""
    try:
        return mask_shapes(text, possible_shapes((text,)))
    except Exception as error:
        log_withheld(error)
        return WITHHELD
