"""Patterns in which `*` stands for any text and everything else for itself: what they have in common."""

from collections.abc import Iterator


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
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        here, there = waiting.pop()
        if here == len(left) and there == len(right):
            return True
        found = {*_together(left, right, here, there)} - seen
        seen |= found
        waiting += found
    return False


def _together(left: str, right: str, here: int, there: int) -> Iterator[tuple[int, int]]:
    """Return how far two patterns have come, both with the same next character, or one of them without any."""
    one, other = left[here : here + 1], right[there : there + 1]
    if one == "*" or other == "*":
        if one == "*":
            yield here + 1, there
        if other == "*":
            yield here, there + 1
        if one and other:
            yield here + (one != "*"), there + (other != "*")
    elif one and one == other:
        yield here + 1, there + 1


def covers(wide: str, narrow: str) -> bool:
    """Tell whether every text that matches `narrow` matches `wide`, too.

    What `*` stands for in `narrow` can be any text, so that only a `*` of `wide` matches it.
    """
    head, *others = wide.split("*")
    if not others:
        return wide == narrow
    *middle, tail = others
    rest = narrow.removeprefix(head)
    if not narrow.startswith(head) or not rest.endswith(tail):
        return False
    rest = rest[: len(rest) - len(tail)]
    for part in middle:
        _, found, rest = rest.partition(part) if part else ("", "*", rest)
        if not found:
            return False
    return True
