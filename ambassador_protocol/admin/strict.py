"""How request bodies are read."""

from typing import Any, Final

STRICT: Final[dict[str, Any]] = {"extra": "forbid", "strict": True}
"""A request names only what we know, in the types we say."""
