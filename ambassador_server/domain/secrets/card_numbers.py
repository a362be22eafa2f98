"""Finds and masks the numbers of payment cards."""

import re

from ambassador_server.domain.secrets.marks import REDACTED
from ambassador_server.domain.secrets.rules import Shape, rule

_DIGIT_RUN = r"[0-9](?:(?:[ +-]|%20)?[0-9]){12,}"
_FIND_DIGIT_RUN = re.compile(_DIGIT_RUN).search
# The digits of a percent escape just before the number do not belong to it.
_DIGIT_RUN_AFTER_ESCAPE = rf"(?:%[0-9A-Fa-f]{{2}})?{_DIGIT_RUN}"
_DIGIT_GROUP = re.compile(r"%[0-9A-Fa-f]{2}|(?P<digits>[0-9]+)")
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5]|2[2-7]|6[0-9]|35)[0-9]{14}"
    r"|3[47][0-9]{13}"
    r"|3[0689][0-9]{12}"
)
_SHORTEST_CARD = 13
_MOST_CARD_GROUPS = 6


def is_card_number(digits: str) -> bool:
    """Tell whether the digits can be the number of a payment card: length, prefix and check digit are right."""
    if _CARD.fullmatch(digits) is None:
        return False
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _mask_cards(match: re.Match[str]) -> str:
    """Return a run of digits with every card number in it masked."""
    run = match[0]
    groups = [group for group in _DIGIT_GROUP.finditer(run) if group["digits"]]
    kept: list[str] = []
    done = first = 0
    while first < len(groups):
        last = _card_end(groups, first)
        if last is not None:
            kept += [run[done : groups[first].start()], REDACTED]
            done = groups[last].end()
            first = last
        first += 1
    return "".join([*kept, run[done:]])


def _card_end(groups: list[re.Match[str]], first: int) -> int | None:
    digits = ""
    for index in range(first, min(first + _MOST_CARD_GROUPS, len(groups))):
        digits += groups[index][0]
        if len(digits) >= _SHORTEST_CARD and is_card_number(digits):
            return index
    return None


_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


def _has_digit_run(lowered: str) -> object:
    """Tell whether the text has enough digits in a row for a card number."""
    # Counting all digits is much faster than searching, and most texts have too few.
    digits = lowered.encode("ascii", "ignore").translate(None, _NO_DIGITS)
    return len(digits) >= _SHORTEST_CARD and _FIND_DIGIT_RUN(lowered)


CARDS = Shape(
    "numbers of payment cards",
    frozenset("0123456789"),
    _has_digit_run,
    (rule(_DIGIT_RUN_AFTER_ESCAPE, _mask_cards),),
)
