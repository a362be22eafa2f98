"""Reads `WWW-Authenticate` (RFC 9110) and tells what a downstream demands; a stranger writes it, so all is bounded."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ambassador_server.errors import StepUpNeededError
from ambassador_server.ports.authorization import Challenge

_LARGEST: Final = 16 * 1024
_LONGEST_URL: Final = 2048
_MOST_SCOPES: Final = 200
_SPACE = re.compile(r"[ \t]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]+=*[ \t]*(?=,|\Z)")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_ERROR = re.compile(r"[a-z_]{1,64}")
_INSUFFICIENT_SCOPE: Final = "insufficient_scope"

_Parameters = dict[str, str]


def read_challenge(header: str) -> Challenge | None:
    """Return the first demand for a bearer token, preferably one that names its metadata; None if there is none."""
    found = [
        parameters for scheme, parameters in _challenges(header[:_LARGEST]) if scheme.lower() == "bearer"
    ]
    if not found:
        return None
    chosen = next((each for each in found if "resource_metadata" in each), found[0])
    error = chosen.get("error", "")
    metadata = chosen.get("resource_metadata", "")
    return Challenge(
        error=error if _ERROR.fullmatch(error) else None,
        scopes=read_scopes(chosen.get("scope", "").split()),
        resource_metadata=metadata if 0 < len(metadata) <= _LONGEST_URL else None,
    )


def check_challenge(challenge: Challenge, requested: tuple[str, ...]) -> None:
    """Raise StepUpNeededError if a downstream demands scopes that were not requested yet."""
    union = unite(requested, challenge.scopes)
    if challenge.error == _INSUFFICIENT_SCOPE and union != requested:
        raise StepUpNeededError("The MCP demands more access than was granted.", scopes=union)


def read_scopes(values: Iterable[object]) -> tuple[str, ...]:
    """Return the valid scopes without repetition, in their order, up to a limit."""
    valid = (value for value in values if isinstance(value, str) and _SCOPE.fullmatch(value))
    return tuple(dict.fromkeys(valid))[:_MOST_SCOPES]


def unite(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes of both, in their order."""
    return tuple(dict.fromkeys((*first, *second)))


def _challenges(text: str) -> Iterator[tuple[str, _Parameters]]:
    """Yield each scheme with its parameters, up to the first character that breaks the grammar."""
    position, scheme, parameters = 0, "", _Parameters()
    while True:
        position, separated = _skip_separators(text, position)
        name = _TOKEN.match(text, position)
        if name is None:
            break
        equals = _EQUALS.match(text, name.end())
        value = _value(text, equals.end()) if equals else None
        if value is not None:
            # The first of two parameters with one name counts, so that nothing that follows can replace it.
            parameters.setdefault(name[0].lower(), value[0])
            position = value[1]
        elif scheme and not separated and not parameters and (data := _TOKEN68.match(text, position)):
            position = data.end()
        elif equals:
            break
        else:
            if scheme:
                yield scheme, parameters
            position, scheme, parameters = name.end(), name[0], {}
    if scheme:
        yield scheme, parameters


def _skip_separators(text: str, position: int) -> tuple[int, bool]:
    """Return where the next word begins, and whether a comma is before it."""
    separated = False
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if not text.startswith(",", position):
            return position, separated
        position, separated = position + 1, True


def _value(text: str, position: int) -> tuple[str, int] | None:
    """Return the value of a parameter and where it ends, or None if there is none."""
    if quoted := _QUOTED.match(text, position):
        return _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    if token := _TOKEN.match(text, position):
        return token[0], token.end()
    return None
