"""Parses the arguments of a tool from `key=value` pairs and JSON, by the tool's input schema."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ambassador_client.errors import UsageError
from ambassador_protocol.json_text import parse_object, parse_value

Schema = Mapping[str, Any]

_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


def read_arguments(schema: Schema, pairs: Iterable[str], json_text: str | None) -> dict[str, Any]:
    """Return the arguments: the JSON object `json_text`, overridden by the `key=value` pairs.

    A repeated key makes a list; `a.b=1` sets a member of an object. Raises UsageError that names the argument.
    """
    arguments = {} if json_text is None else _object(json_text)
    _check_object(schema, arguments)
    repeated: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(
                f"{pair[:60]!r} is not an argument", "Write key=value, or give an object with --json."
            )
        repeated.setdefault(key, []).append(value)
    for key, values in repeated.items():
        _place(arguments, schema, key, values)
    _check_required(schema, arguments)
    return arguments


def read_value(schema: Schema, name: str, text: str) -> Any:
    """Parse one value by its schema; a list is separated by commas. Raises UsageError that names it."""
    if "array" in _types(schema) and not text.lstrip().startswith("["):
        items = _items(schema)
        return [_value(items, name, each.strip()) for each in text.split(",")]
    return _value(schema, name, text)


def allowed_values(schema: Schema) -> list[Any] | None:
    """Return the values that a schema allows by `enum` or `const` alternatives, or None."""
    declared = schema.get("enum")
    if isinstance(declared, list):
        return declared
    for keyword in ("oneOf", "anyOf"):
        options = schema.get(keyword)
        if isinstance(options, list) and all(
            isinstance(each, Mapping) and "const" in each for each in options
        ):
            return [each["const"] for each in options]
    return None


def describe_type(schema: Schema) -> str:
    """Return the types that a schema allows, as text for people."""
    return " or ".join(sorted(_types(schema))) or "any value"


def _object(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except ValueError as error:
        raise UsageError(f"--json {error}", 'Give one object, such as {"text": "hello"}.') from error


def _place(arguments: dict[str, Any], schema: Schema, key: str, values: list[str]) -> None:
    head, dot, rest = key.partition(".")
    if dot and key not in _properties(schema) and head in _properties(schema):
        inner = arguments.setdefault(head, {})
        if not isinstance(inner, dict):
            raise UsageError(
                f"{head} is given both as a whole and by its members", "Use one of the two forms."
            )
        _place(inner, _properties(schema)[head], rest, values)
        return
    wanted = _schema_of(schema, key)
    types = _types(wanted)
    if len(values) > 1 or ("array" in types and not values[0].lstrip().startswith("[")):
        if types and "array" not in types:
            raise UsageError(f"{key} is given {len(values)} times", "It takes one value.")
        items = _items(wanted)
        arguments[key] = [_value(items, key, value) for value in values]
    else:
        arguments[key] = _value(wanted, key, values[0])


def _schema_of(schema: Schema, key: str) -> Schema:
    properties = _properties(schema)
    if key in properties:
        return properties[key]
    if schema.get("additionalProperties") is False:
        known = ", ".join(sorted(properties)) or "none"
        raise UsageError(f"the tool takes no argument {key[:60]!r}", f"It takes: {known}.")
    more = schema.get("additionalProperties")
    return more if isinstance(more, Mapping) else {}


def _value(schema: Schema, key: str, text: str) -> Any:
    types = _types(schema)
    value = _convert_to_any(types, text)
    if value is _NO_VALUE:
        raise UsageError(f"{key} must be {describe_type(schema)}, not {text[:60]!r}", "Correct it.")
    allowed = allowed_values(schema)
    if allowed is not None and value not in allowed:
        listed = ", ".join(map(str, allowed[:20]))
        raise UsageError(f"{key} cannot be {text[:60]!r}", f"It is one of: {listed}.")
    return value


_NO_VALUE = object()


def _check_object(schema: Schema, arguments: Mapping[str, Any]) -> None:
    """Check the top-level members of the JSON object; the server checks deeper ones."""
    for key, value in arguments.items():
        wanted = _schema_of(schema, key)
        types = _types(wanted)
        if types and not types & _types_of(value):
            shown = json.dumps(value)[:60]
            raise UsageError(f"{key} must be {describe_type(wanted)}, not {shown}", "Correct it.")
        allowed = allowed_values(wanted)
        if allowed is not None and value not in allowed:
            listed = ", ".join(map(str, allowed[:20]))
            raise UsageError(f"{key} cannot be {json.dumps(value)[:60]}", f"It is one of: {listed}.")


def _types_of(value: Any) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            # JSON Schema counts 1.0 as an integer.
            return frozenset({"integer", "number"} if value.is_integer() else {"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _convert_to_any(types: frozenset[str], text: str) -> Any:
    """Convert the text to the first matching type, string last."""
    for type_name in ("null", "boolean", "integer", "number", "object", "array"):
        if type_name in types and (value := _convert(type_name, text)) is not _NO_VALUE:
            return value
    return text if "string" in types or not types else _NO_VALUE


def _convert(type_name: str, text: str) -> Any:
    if type_name == "boolean":
        keyword = text.lower()
        return keyword in _TRUE if keyword in (*_TRUE, *_FALSE) else _NO_VALUE
    try:
        value = parse_value(text)
    except ValueError:
        return _NO_VALUE
    if type_name == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        return value if isinstance(value, int) or math.isfinite(value) else _NO_VALUE
    python_types = {"null": type(None), "integer": int, "object": dict, "array": list}
    return value if type(value) is python_types.get(type_name) else _NO_VALUE


def _items(schema: Schema) -> Schema:
    items = schema.get("items")
    return items if isinstance(items, Mapping) else {}


def _types(schema: Schema) -> frozenset[str]:
    declared = schema.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list):
        return frozenset(each for each in declared if isinstance(each, str))
    found: frozenset[str] = frozenset()
    for keyword in ("anyOf", "oneOf"):
        options = schema.get(keyword)
        for option in options if isinstance(options, list) else []:
            found |= _types(option) if isinstance(option, Mapping) else frozenset()
    return found


def _properties(schema: Schema) -> Mapping[str, Schema]:
    declared = schema.get("properties")
    return {
        name: each if isinstance(each, Mapping) else {}
        for name, each in (declared.items() if isinstance(declared, Mapping) else ())
    }


def _check_required(schema: Schema, arguments: Mapping[str, Any]) -> None:
    declared = schema.get("required")
    names = [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []
    missing = [name for name in names if name not in arguments]
    if missing:
        first = missing[0]
        wanted = describe_type(_properties(schema).get(first, {}))
        raise UsageError(f"the argument {first!r} is missing", f"Add {first}=..., {wanted}.")
