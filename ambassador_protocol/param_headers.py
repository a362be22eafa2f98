"""Repeats tool arguments as `Mcp-Param-*` headers where the tool's schema says `x-mcp-header`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ambassador_protocol.header_values import decode_header_value, encode_header_value
from ambassador_protocol.mcp import PARAM_HEADER_PREFIX

Path = tuple[str, ...]
HeaderMap = Mapping[Path, str]
"""The path of property names to an argument, and the name of its header."""

ANNOTATION: Final = "x-mcp-header"
"""The keyword of a property's schema that names the header."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WHOLE = re.compile(r"-?[0-9]{1,100}")
_SCALARS = frozenset({"string", "integer", "boolean"})

# Keywords of JSON Schema whose value is a schema, a list of schemas, or a mapping of schemas. A property below them
# is not always present, so an annotation there is an error. Keywords whose value is data are not searched.
_ONE = frozenset(
    {"items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "contentSchema"}
    | {"unevaluatedProperties", "not", "if", "then", "else"}
)
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"patternProperties", "dependentSchemas", "$defs", "definitions"})


class InvalidAnnotationError(Exception):
    """The annotation is invalid; the protocol demands that the tool is left out of the list."""


def read_header_map(definition: bytes) -> HeaderMap:
    """Return the header map of a tool definition in JSON; raises InvalidAnnotationError."""
    if ANNOTATION.encode() not in definition:
        return {}
    try:
        root = json.loads(definition)
    except (ValueError, RecursionError):
        raise InvalidAnnotationError("the definition cannot be read") from None
    return header_map(root.get("inputSchema") if isinstance(root, dict) else None)


def header_map(input_schema: Any) -> HeaderMap:
    """Return the header map of an input schema; raises InvalidAnnotationError."""
    found: dict[Path, str] = {}
    used: set[str] = set()
    for path, schema in _schemas(input_schema):
        if ANNOTATION in schema:
            token = _token(path, schema)
            if token.lower() in used:
                raise InvalidAnnotationError(f"header {token!r} is used twice")
            used.add(token.lower())
            found[path or ()] = token
    return found


def param_headers(mirrored: HeaderMap, arguments: Any) -> dict[str, str]:
    """Return the headers of these arguments; an argument that is absent or null has none."""
    found = ((token, _text(arguments, path)) for path, token in mirrored.items())
    return {
        PARAM_HEADER_PREFIX + token: encode_header_value(text) for token, text in found if text is not None
    }


def find_mismatch(mirrored: HeaderMap, arguments: Any, header: Callable[[str], str | None]) -> str | None:
    """Return the name of the first header that differs from its argument, or None.

    `header` returns the value of a header, None when it is absent. An absent header equals an absent argument; whole
    numbers are equal by value.
    """
    for path, token in mirrored.items():
        name = PARAM_HEADER_PREFIX + token
        sent, expected = header(name), _text(arguments, path)
        value = None if sent is None else decode_header_value(sent)
        if (sent is None) != (expected is None) or not _equal(value, expected):
            return name
    return None


def _equal(value: str | None, expected: str | None) -> bool:
    if value == expected:
        return True
    if value is None or expected is None:
        return False
    return bool(_WHOLE.fullmatch(value) and _WHOLE.fullmatch(expected) and int(value) == int(expected))


def _text(arguments: Any, path: Path) -> str | None:
    value = arguments
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _token(path: Path | None, schema: Mapping[str, Any]) -> str:
    token = schema[ANNOTATION]
    if not path:
        raise InvalidAnnotationError("not on a property that is always reachable")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise InvalidAnnotationError(f"property {'.'.join(path)!r} names no header")
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _SCALARS:
        raise InvalidAnnotationError(f"property {'.'.join(path)!r} is not a string, an integer or a boolean")
    return token


def _schemas(root: Any) -> Iterator[tuple[Path | None, Mapping[str, Any]]]:
    """Yield every schema with its path of property names, None where the property is not always present."""
    stack: list[tuple[Path | None, Any]] = [((), root)]
    while stack:
        path, schema = stack.pop()
        if not isinstance(schema, Mapping):
            continue
        yield path, schema
        for keyword, value in schema.items():
            if keyword == "properties" and isinstance(value, Mapping):
                stack += [(None if path is None else (*path, name), below) for name, below in value.items()]
            elif keyword in _ONE:
                stack.append((None, value))
            elif keyword in _MANY and isinstance(value, list):
                stack += [(None, below) for below in value]
            elif keyword in _NAMED and isinstance(value, Mapping):
                stack += [(None, below) for below in value.values()]
