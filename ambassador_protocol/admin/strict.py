"""The pydantic configuration of request bodies."""

from typing import Any, Final

STRICT: Final[dict[str, Any]] = {"extra": "forbid", "strict": True}
"""Refuse unknown members and values of another type."""
