"""Patterns in which `*` stands for any text and everything else for itself: what they have in common."""

from functools import cache


def rest_behind(pattern: str, text: str) -> set[str]:
    """Return the patterns of what may follow `text` where the whole matches the pattern; none if nothing may."""
    found = {pattern}
    for character in text:
        found = {rest for each in found for rest in _after(each, character)}
    return found


def _after(pattern: str, character: str) -> set[str]:
    if pattern.startswith("*"):
        return {pattern} | _after(pattern[1:], character)
    return {pattern[1:]} if pattern.startswith(character) and pattern else set()


def overlap(left: str, right: str) -> bool:
    """Tell whether some text matches both patterns."""

    @cache
    def meet(here: int, there: int) -> bool:
        if here == len(left) and there == len(right):
            return True
        if here < len(left) and left[here] == "*":
            return meet(here + 1, there) or (there < len(right) and meet(here, there + 1))
        if there < len(right) and right[there] == "*":
            return meet(here, there + 1) or (here < len(left) and meet(here + 1, there))
        both = here < len(left) and there < len(right)
        return both and left[here] == right[there] and meet(here + 1, there + 1)

    return meet(0, 0)
