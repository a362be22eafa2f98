"""Parses durations, times and NAME=VALUE pairs that people type."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from ambassador_admin.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"(\d{1,9})([smhdw])")
_WHOLE = re.compile(r"(\d{1,9}[smhdw])+")
_EXAMPLE = "for example 30m, 2h, 1h30m, 7d"


def parse_duration(text: str | None, option: str = "--for") -> int | None:
    """Return a duration such as `1h30m` in seconds, None for None; raises UsageError that names the option."""
    if text is None:
        return None
    if _WHOLE.fullmatch(text) is None:
        raise UsageError(f"{option}: {text!r} is not a duration.", hint=_EXAMPLE)
    total = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if total == 0:
        raise UsageError(f"{option}: a duration must not be 0.", hint=_EXAMPLE)
    return total


def parse_time(text: str | None, now: datetime, option: str) -> str | None:
    """Return a time in ISO-8601 UTC, given as ISO-8601 or as a duration before now; raises UsageError."""
    if text is None:
        return None
    try:
        if _WHOLE.fullmatch(text) is not None:
            at = now - timedelta(seconds=parse_duration(text, option) or 0)
        else:
            at = datetime.fromisoformat(text)
            at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: {text!r} is neither a duration nor a time.", hint=f"{_EXAMPLE}, 2026-01-31T12:00:00Z"
        ) from None
    return format_time(at)


def parse_end(text: str | None, now: datetime, option: str) -> str | None:
    """Return a time to come in ISO-8601 UTC; raises UsageError for any other text."""
    if text is None:
        return None
    if _WHOLE.fullmatch(text) is not None:
        raise UsageError(f"{option}: {text!r} is a duration, not a time.", hint=f"--for {text}")
    end = parse_time(text, now, option)
    if end is not None and datetime.fromisoformat(end) <= now:
        raise UsageError(f"{option}: {end} is over already.")
    return end


def format_time(at: datetime) -> str:
    """Return a time in UTC in the format of the admin API."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_choice(text: str | None, choices: Sequence[str], option: str) -> None:
    """Raise UsageError, with similar values, for a value that is neither one of these nor a glob; None is valid."""
    if text is None or "*" in text or text in choices:
        return
    similar = get_close_matches(text, choices)
    hint = f"did you mean {' or '.join(similar)}?" if similar else f"allowed are {', '.join(choices)}"
    raise UsageError(f"{option}: {text!r} is unknown.", hint=hint)


def parse_pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a mapping; raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"{option} takes NAME=VALUE, not {text!r}.")
        if name in found:
            raise UsageError(f"{option} names {name!r} twice.")
        found[name] = value
    return found
