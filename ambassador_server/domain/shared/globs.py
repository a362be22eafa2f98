"""Globs over names: `*` is any run of characters, everything else is itself, case counts."""


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether the whole text matches; the work grows with the number of `*`, never with their combinations."""
    first, *rest = pattern.split("*")
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
