"""Formats times for the wire."""

from datetime import UTC, datetime


def timestamp(at: datetime) -> str:
    """Return ISO-8601 UTC with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_timestamp(at: datetime | None) -> str | None:
    """Return the formatted time; None stays None."""
    return None if at is None else timestamp(at)
