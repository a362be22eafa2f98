"""Reads durations that people type."""

from typing import Final

from ambassador_client.errors import UsageError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> int:
    """Return a duration such as 30m in seconds; raises UsageError for another text."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) < 7 and unit in _UNITS):
        raise UsageError(f"{text!r} is not a duration", "Write 30m, 12h or 7d.")
    return int(number) * _UNITS[unit]
