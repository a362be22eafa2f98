"""Bounds how deep JSON may be nested, by one number that every supported version of Python can decode."""

import re
from array import array
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

MAX_NESTING: Final = 500
"""How many objects and lists may contain one another in a JSON document."""

CUT: Final = b'"\\u0000 nested too deep"'
"""The JSON string that takes the place of what is nested too deep."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
# Pieces, so that another thread can run in between; and most runs of brackets are short enough to be only counted.
_PIECE: Final = 64 * 1024
_RUN: Final = MAX_NESTING // 2
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def is_too_deep(document: bytes) -> bool:
    """Tell whether a JSON document is nested deeper than allowed, without decoding it."""
    # Without so many bytes or brackets nothing is nested that deep, so most documents are not searched.
    if len(document) <= MAX_NESTING or document.count(b"[") + document.count(b"{") <= MAX_NESTING:
        return False
    depth = 0
    for run in _runs_of_steps(document):
        opened = run.count(1)
        if depth + opened > MAX_NESTING and max(accumulate(array("b", run), initial=depth)) > MAX_NESTING:
            return True
        depth += 2 * opened - len(run)
    return False


def _runs_of_steps(document: bytes) -> Iterator[bytes]:
    """Return the brackets outside of strings, as steps into or out of a level."""
    if b"\\" in document:
        document = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    in_string = 0
    for start in range(0, len(document), _PIECE):
        parts = document[start : start + _PIECE].split(b'"')
        steps = b"".join(parts[in_string::2]).translate(_STEPS, _NO_BRACKETS)
        in_string ^= (len(parts) - 1) & 1
        for begin in range(0, len(steps), _RUN):
            yield steps[begin : begin + _RUN]


def cut_nesting(document: bytes) -> bytes:
    """Return a JSON document with CUT instead of each object or list that is nested too deep."""
    parts: list[bytes] = []
    depth = copied = 0
    for token in _STRING_OR_BRACKET.finditer(document):
        if token[0] in b"[{":
            depth += 1
            if depth == MAX_NESTING + 1:
                parts += [document[copied : token.start()], CUT]
                copied = len(document)
        elif token[0] in b"]}":
            depth -= 1
            if depth == MAX_NESTING:
                copied = token.end()
    return b"".join([*parts, document[copied:]])
