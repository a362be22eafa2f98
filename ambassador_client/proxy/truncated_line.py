"""Reads the id and the method from the kept ends of a line that was too long."""

import json
import re
from typing import Any

from ambassador_protocol.line_splitter import LongLine

_STRING = rb'"(?:[^"\\]|\\.)*"'
_SCALAR = rb"(?:" + _STRING + rb"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_MEMBER = _STRING + rb"\s*:\s*" + _SCALAR

# Both stop at the first member that is not a scalar, so they only find members of the outermost object.
_FIRST = re.compile(rb"\s*\{((?:\s*" + _MEMBER + rb"\s*,)*)(?:\s*(" + _STRING + rb"))?")
_LAST = re.compile(rb"((?:,\s*" + _MEMBER + rb"\s*)*)\}\s*\Z")


def read_outer_members(line: LongLine) -> dict[str, Any]:
    """Return the scalar members at the beginning and the end of the object, with `...` for a value that is cut off.

    Hosts write the id first or last, so it is usually among them.
    """
    first, last = _FIRST.match(line.head), _LAST.search(line.tail)
    found: dict[str, Any] = {}
    try:
        if first is not None:
            found |= json.loads(b"{" + first[1].strip().removesuffix(b",") + b"}")
            if first[2] is not None:
                found[json.loads(first[2])] = ...
        if last is not None:
            found |= json.loads(b"{" + last[1].strip().removeprefix(b",") + b"}")
    except ValueError:
        return {}
    return found
