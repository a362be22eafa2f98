"""Compares options of an MCP that the server shows with masked secrets."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"


def is_masked(value: Any) -> bool:
    """Tell whether a part of the value is masked, so that the value cannot be sent back."""
    if isinstance(value, Mapping):
        return any(is_masked(key) or is_masked(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(is_masked, value))
    return isinstance(value, str) and MASK in value


def matches_masked(shown: Any, wanted: Any) -> bool:
    """Tell whether the desired value equals what the server shows; a mask matches any text."""
    if isinstance(shown, Mapping) and isinstance(wanted, Mapping):
        return shown.keys() == wanted.keys() and all(
            matches_masked(item, wanted[name]) for name, item in shown.items()
        )
    if isinstance(shown, list) and isinstance(wanted, list):
        return len(shown) == len(wanted) and all(map(matches_masked, shown, wanted))
    if shown == MASK:
        return True
    if isinstance(shown, str) and isinstance(wanted, str) and MASK in shown:
        return re.fullmatch(".*".join(map(re.escape, shown.split(MASK))), wanted, re.DOTALL) is not None
    return type(shown) is type(wanted) and bool(shown == wanted)
