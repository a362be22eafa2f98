"""Reads single values of a document: each reader takes a node and returns a value or raises FaultError."""

import math
import re
from collections import abc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ambassador_admin.declarative.yaml_tree import FilePosition, Mapping, Node, Scalar, Sequence, duplicates

Reader = Callable[[Node], Any]

_MAX_TEXT = 1000
UNLIMITED = 1_000_000
_MAX_PATTERNS = 100
_MAX_SECONDS = 10 * 366 * 86400
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_MCP_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
# Only the spelling that the server stores, so that a file never differs from it by spelling alone: `%41` would be `A`.
_PATTERN = re.compile(
    r"(?:[A-Za-z0-9_.:/*-]|%(?!2[DEF]|3[0-9A]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9A])[0-9A-F]{2}){1,4096}"
)
_URI_PATTERN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,4096}")
_INTEGER = re.compile(r"[-+]?\d{1,18}")


class FaultError(Exception):
    """One fault in a file, with its position."""

    def __init__(self, position: FilePosition, message: str) -> None:
        super().__init__(f"{position}: {message}")
        self.position = position
        self.message = message


def text(node: Node) -> str:
    """Read one line of printable text."""
    value = _scalar(node)
    if len(value.text) > _MAX_TEXT or not value.text.isprintable():
        raise FaultError(
            node.position,
            f"must be one line of printable text, at most {_MAX_TEXT} characters, not {shown(value)}",
        )
    return value.text


def matching(pattern: re.Pattern[str], what: str) -> Reader:
    """Return a reader of texts that match a pattern; `what` describes it in errors."""

    def read(node: Node) -> str:
        value = _scalar(node)
        if pattern.fullmatch(value.text) is None:
            raise FaultError(node.position, f"{shown(value)} is not {what}")
        return value.text

    return read


name = matching(
    NAME, "a name: letters, digits and '.', '_', '@', '+', '-', starting with a letter or digit, at most 128"
)
mcp_name = matching(
    _MCP_NAME,
    "an MCP name: lower-case letters, digits, '_' and '-', starting with a letter or digit, at most 100",
)
owner = matching(_OWNER, "an owner: letters, digits and '.', '_', '-', '/', at most 128")
pattern = matching(
    _PATTERN,
    "a pattern: letters, digits, '_', '-', '.', ':', '/' and '*'; other characters as '%' and two upper-case "
    "hexadecimal digits for each byte",
)


def choice(*words: str) -> Reader:
    """Return a reader of texts that must be one of these words."""

    def read(node: Node) -> str:
        value = _scalar(node)
        if value.text not in words:
            raise FaultError(node.position, f"must be {' or '.join(words)}, not {shown(value)}")
        return value.text

    return read


def switch_word(*words: str) -> Reader:
    """Return a reader of one of these words, among them on and off, which YAML reads as truth values without quotes."""
    read_text = choice(*words)

    def read(node: Node) -> str:
        if isinstance(node, Scalar) and node.tag == "bool" and node.text.lower() in words:
            return node.text.lower()
        return str(read_text(node))

    return read


def list_of(read: Reader, *, least: int = 0, most: int = UNLIMITED) -> Reader:
    """Return a reader of lists of `least` to `most` items."""

    def read_all(node: Node) -> list[Any]:
        if not isinstance(node, Sequence):
            raise FaultError(node.position, "must be a list")
        if not least <= len(node.items) <= most:
            raise FaultError(node.position, f"must have {least} to {most} items, not {len(node.items)}")
        return [read(item) for item in node.items]

    return read_all


patterns = list_of(pattern, most=_MAX_PATTERNS)
uri_patterns = list_of(
    matching(
        _URI_PATTERN,
        "a resource pattern: a URI, in which '*' stands for any text and '%2A' for a '*' of its own",
    ),
    most=_MAX_PATTERNS,
)


def with_position(read: Reader) -> Reader:
    """Return a reader of pairs: the value and its position."""
    return lambda node: (read(node), node.position)


def boolean(node: Node) -> bool:
    """Read true or false."""
    if not isinstance(node, Scalar) or node.tag != "bool":
        raise FaultError(node.position, "must be true or false")
    return node.text.lower() in ("true", "yes", "on")


def seconds(node: Node) -> int:
    """Read a whole number of seconds, up to ten years."""
    value = number(node)
    if not isinstance(value, int) or not 0 < value <= _MAX_SECONDS:
        raise FaultError(node.position, f"must be a whole number of seconds between 1 and {_MAX_SECONDS}")
    return value


def count(node: Node) -> int:
    """Read a whole number that is at least 1."""
    value = number(node)
    if not isinstance(value, int) or value < 1:
        raise FaultError(node.position, "must be a whole number that is at least 1")
    return value


def whole(node: Node) -> int:
    """Read a whole number."""
    value = number(node)
    if not isinstance(value, int):
        raise FaultError(node.position, "must be a whole number")
    return value


def number(node: Node) -> int | float:
    """Read a number."""
    if isinstance(node, Scalar) and node.tag == "int" and _INTEGER.fullmatch(node.text):
        return int(node.text)
    if isinstance(node, Scalar) and node.tag == "float":
        try:
            value = float(node.text)
        except ValueError:
            value = math.inf
        if math.isfinite(value):
            return value
    raise FaultError(node.position, "must be a decimal number")


def moment(node: Node) -> str:
    """Read a time with a time zone; return it in ISO-8601 UTC with milliseconds."""
    if isinstance(node, Scalar) and node.tag in ("str", "timestamp"):
        try:
            at = datetime.fromisoformat(node.text)
            if at.tzinfo is not None:
                return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        except (ValueError, OverflowError):
            pass
    raise FaultError(node.position, "must be a time with a time zone, for example 2027-01-31T12:00:00Z")


def json_value(node: Node) -> Any:
    """Read any value that JSON can represent."""
    if isinstance(node, Sequence):
        return [json_value(item) for item in node.items]
    if isinstance(node, Mapping):
        for key in duplicates(node):
            raise FaultError(key.position, f"{key.text!r} is given twice")
        return {key.text: json_value(value) for key, value in node.entries}
    return _json_scalar(node)


def _json_scalar(node: Node) -> Any:
    if not isinstance(node, Scalar):
        raise FaultError(node.position, "must be plain text")
    match node.tag:
        case "bool":
            return boolean(node)
        case "null":
            return None
        case "int" | "float":
            return number(node)
        case _:
            return node.text


def options(node: Node) -> dict[str, Any]:
    """Read a mapping of any values."""
    if not isinstance(node, Mapping):
        raise FaultError(node.position, "must be a mapping")
    return dict(json_value(node))


def record(members: abc.Mapping[str, Reader], *, required: abc.Sequence[str] = ()) -> Reader:
    """Return a reader of mappings that have these members alone."""

    def read(node: Node) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            raise FaultError(node.position, "must be a mapping")
        for key in duplicates(node):
            raise FaultError(key.position, f"{key.text!r} is given twice")
        for key, _ in node.entries:
            if key.text not in members:
                raise FaultError(
                    key.position, f"unknown key {shown(key)}; known are {', '.join(sorted(members))}"
                )
        found = {key.text: _member(members[key.text], key.text, value) for key, value in node.entries}
        missing = [name for name in required if name not in found]
        if missing:
            raise FaultError(node.position, f"needs {' and '.join(map(repr, missing))}")
        return found

    return read


def _member(read: Reader, name: str, node: Node) -> Any:
    try:
        return read(node)
    except FaultError as fault:
        raise FaultError(fault.position, f"{name}: {fault.message}") from None


def shown(node: Scalar) -> str:
    """Return the text, quoted and shortened for an error."""
    return repr(node.text if len(node.text) <= 60 else f"{node.text[:60]}…")


def _scalar(node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise FaultError(node.position, "must be text")
    if node.tag == "null":
        raise FaultError(node.position, "is null: leave it out, or write '' for an empty text")
    if node.tag != "str":
        raise FaultError(node.position, f"{shown(node)} is a {node.tag} in YAML: put it in quotes")
    return node


def _name_or_null(node: Node) -> str | None:
    return None if isinstance(node, Scalar) and node.tag == "null" else str(name(node))


_approval = record({"approvers": _name_or_null, "valid_seconds": seconds})


def approval(node: Node) -> dict[str, Any]:
    """Read the approval that a grant demands, by administrators and for ten minutes if it does not say otherwise."""
    return {"approvers": None, "valid_seconds": 600, **_approval(node)}
