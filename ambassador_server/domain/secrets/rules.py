"""What one row of the table of secret shapes is made of."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from ambassador_server.domain.secrets.marks import REDACTED

Rule = Callable[[str], str]
"""Returns the text with every secret of one form masked."""

LONG = 17
"""Many texts are shorter, and need not be searched for longer secrets."""

KEY = r"[A-Za-z0-9_-]"
"""The alphabet of most issued tokens."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret, and how to find and mask it.

    A lower-case text without any of the characters in `needs` holds none; `occurs` is a closer and slower check of a
    lower-case text, and `rules` mask what they find.
    """

    name: str
    needs: frozenset[str]
    occurs: Callable[[str], object]
    rules: tuple[Rule, ...]
    is_long: bool = False
    """Whether it is never shorter than `LONG` characters."""


def mask_all(_: re.Match[str]) -> str:
    """Mask the whole match."""
    return REDACTED


def mask_after_label(match: re.Match[str]) -> str:
    """Mask the match except for its group `label`."""
    return f"{match['label']}{REDACTED}"


def rule(expression: str, mask: Callable[[re.Match[str]], str] = mask_all) -> Rule:
    """Return the rule that replaces every match of the expression."""
    return partial(re.compile(expression).sub, mask)


def contains(*literals: str) -> Callable[[str], bool]:
    """Return a check for any of the literals."""

    def occurs(lowered: str) -> bool:
        for literal in literals:  # noqa: SIM110 - a generator would cost more than the comparisons
            if literal in lowered:
                return True
        return False

    return occurs


def word_start(prefix: str) -> str:
    """Return an expression that matches if the prefix, which has just been matched, begins a word.

    An escape in JSON text or in a URL, such as `\\n` or `%20`, ends the word before it.
    """
    escapes = (r"\\[nrtbf]", r"\\u[0-9A-Fa-f]{4}", r"%[0-9A-Fa-f]{2}")
    after_escape = "".join(f"|(?<={escape}{prefix})" for escape in escapes)
    return f"(?:(?<![A-Za-z0-9]{prefix}){after_escape})"


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return the text with the spans masked, which come in order of their starts and may overlap."""
    parts: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            parts += [text[done:start], REDACTED]
        done = max(done, end)
    return "".join([*parts, text[done:]]) if parts else text
