"""Reads the transforms of tools that a file declares for an MCP."""

import re
from typing import Any, Final

from ambassador_admin.declarative import readers
from ambassador_admin.declarative.readers import FaultError, Reader
from ambassador_admin.declarative.yaml_tree import Mapping, Node, Scalar, duplicates
from ambassador_protocol.admin.tool_transforms import short_transforms

_LONGEST_TEXT: Final = 4000


def _text(node: Node) -> str:
    """Read a text that may have several lines."""
    if not isinstance(node, Scalar) or node.tag != "str":
        raise FaultError(node.position, "must be text")
    if len(node.text) > _LONGEST_TEXT or not node.text.replace("\n", "").isprintable():
        raise FaultError(node.position, f"must be printable text of at most {_LONGEST_TEXT} characters")
    return node.text


def _annotation(node: Node) -> bool | str:
    return readers.text(node) if isinstance(node, Scalar) and node.tag == "str" else readers.boolean(node)


def _annotations(node: Node) -> dict[str, bool | str]:
    return {name: _annotation(value) for name, value in _entries(node)}


_TRANSFORM: Final[dict[str, Reader]] = {
    "name": readers.matching(
        re.compile(r"[A-Za-z0-9_-]{1,64}"), "a name of a tool: letters, digits, '_' and '-', at most 64"
    ),
    "description": _text,
    "description_suffix": _text,
    "hidden": readers.boolean,
    "fixed_arguments": readers.options,
    "default_arguments": readers.options,
    "annotations": _annotations,
    "result_bytes": readers.whole,
    "call_timeout_seconds": readers.number,
}
_read = readers.record(_TRANSFORM)


def transforms(node: Node) -> dict[str, Any]:
    """Read what is changed of the tools of an MCP, in the short form that the server shows."""
    return short_transforms({name: _read(value) for name, value in _entries(node)})


def _entries(node: Node) -> list[tuple[str, Node]]:
    if not isinstance(node, Mapping):
        raise FaultError(node.position, "must be a mapping")
    for key in duplicates(node):
        raise FaultError(key.position, f"{readers.shown(key)} is given twice")
    return [(key.text, value) for key, value in node.entries]
