"""Matches globs: `*` stands for any number of characters, every other character for itself."""

from collections.abc import Sequence


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether the whole text matches, case-sensitively; the cost is linear in the number of `*`."""
    return parts_match(pattern.split("*"), text)


def parts_match(parts: Sequence[str], text: str) -> bool:
    """Do the same for the texts between the `*` of a pattern."""
    first, *rest = parts
    if not rest:
        return text == first
    last = rest.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in rest:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
