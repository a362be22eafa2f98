"""What can still be read of a line that was too long to keep: enough to say whose answer or question it was."""

import json
import re
from typing import Any

from ambassador_protocol.line_splitter import LongLine

_STRING = rb'"(?:[^"\\]|\\.)*"'
_SCALAR = rb"(?:" + _STRING + rb"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_MEMBER = _STRING + rb"\s*:\s*" + _SCALAR

# Both stop at the first member that is no scalar, and so never look inside one: what they find is at the top.
_FIRST = re.compile(rb"\s*\{((?:\s*" + _MEMBER + rb"\s*,)*)(?:\s*(" + _STRING + rb"))?")
_LAST = re.compile(rb"((?:,\s*" + _MEMBER + rb"\s*)*)\}\s*\Z")


def read_outer_members(line: LongLine) -> dict[str, Any]:
    """Return the members at the beginning and at the end of the line, with `...` for one whose value was lost.

    Hosts write the id first or last, because what is long is in between.
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
