"""Finds options of an MCP that look like secrets in plain text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ambassador_protocol.references import parse_reference

_NAME = re.compile(
    r"token|secret|passw|credential|auth|cookie|api[-_]?key|private|access[-_]?key", re.IGNORECASE
)
_VALUE = re.compile(
    r"(?:bearer |basic )|gh[pousr]_|github_pat_|sk-|xox[abprs]-|AKIA|eyJ|glpat-|amb_[a-z]k_|-----BEGIN",
    re.IGNORECASE,
)


def looks_secret(name: str, value: str) -> bool:
    """Tell whether a value looks like a secret, by its form or by the name of its option."""
    return parse_reference(value) is None and bool(_NAME.search(name) or _VALUE.match(value))


def plain_secrets(options: Mapping[str, Any], path: str = "options") -> Iterator[str]:
    """Yield a warning for each option that looks like a secret; it never has the value."""
    for name, value in options.items():
        yield from _references_in(name, value, f"{path}.{name}")


def _references_in(name: str, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from plain_secrets(value, path)
    elif isinstance(value, list):
        for item in value:
            yield from _references_in(name, item, path)
    elif isinstance(value, str) and looks_secret(name, value):
        yield f"{path} looks like a secret in plain text; write env://NAME or file:///PATH, which the server resolves"
