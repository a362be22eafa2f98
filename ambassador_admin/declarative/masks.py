"""The server shows an MCP's options with secrets masked: what can be said about the rest."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"


def is_masked(value: Any) -> bool:
    """Tell whether anything in the value is masked, so that nobody can write it back."""
    if isinstance(value, Mapping):
        return any(is_masked(key) or is_masked(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(is_masked, value))
    return isinstance(value, str) and MASK in value


def matches_masked(shown: Any, wanted: Any) -> bool:
    """Tell whether the wanted value can be what the server shows; a mask may stand for anything."""
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
