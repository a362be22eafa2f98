"""Bounds how deep JSON may be nested, by one number that every supported version of Python can decode."""

import re
from array import array
from itertools import accumulate
from typing import Final

MAX_NESTING: Final = 500
"""How many objects and lists may contain one another in a JSON document."""

CUT: Final = b'"\\u0000 nested too deep"'
"""The JSON string that takes the place of what is nested too deep."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def is_too_deep(document: bytes) -> bool:
    """Tell whether a JSON document is nested deeper than allowed, without decoding it."""
    # Without so many bytes or brackets nothing is nested that deep, so most documents are not searched.
    if len(document) <= MAX_NESTING or document.count(b"[") + document.count(b"{") <= MAX_NESTING:
        return False
    if b"\\" in document:
        document = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(document.split(b'"')[::2])
    steps = array("b", outside_strings.translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0) > MAX_NESTING


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
