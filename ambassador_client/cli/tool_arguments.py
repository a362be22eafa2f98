"""Parses the arguments of a tool from `key=value` pairs and JSON, by the tool's input schema."""

import json
import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ambassador_client.cli.argument_files import ArgumentFiles
from ambassador_client.cli.tool_schema import ToolSchema, as_text, types_of
from ambassador_client.errors import UsageError
from ambassador_protocol.json_text import parse_object, parse_value
from ambassador_protocol.nesting import MAX_NESTING

_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")
_SEND_ANYWAY = "With --allow-unknown it is sent all the same."
_NO_VALUE = object()
_CHECKED_LEVELS = 50


def read_arguments(
    schema: Mapping[str, Any],
    pairs: Iterable[str],
    json_text: str | None,
    *,
    allow_unknown: bool = False,
    files: ArgumentFiles | None = None,
) -> dict[str, Any]:
    """Return the arguments: the JSON object `json_text`, overridden by the `key=value` pairs.

    A repeated key makes a list; `a.b=1` sets a member of an object; `key=@file` and `key=@-` read the value. Unless
    `allow_unknown`, an argument that the schema does not declare is refused. Raises UsageError that names the argument.
    """
    wanted = ToolSchema(schema)
    arguments = {} if json_text is None else _object(json_text)
    given = _values_by_key(pairs, files or ArgumentFiles())
    # An object is set as a whole before its members are.
    for key in sorted(given, key=lambda key: key.count(".")):
        _place(arguments, wanted, key, given[key], allow_unknown)
    _check_members(wanted, arguments, "", allow_unknown, 0)
    _refuse_surrogates(arguments)
    return arguments


def read_value(schema: ToolSchema, name: str, text: str) -> Any:
    """Parse one value by its schema; a list is separated by commas. Raises UsageError that names it."""
    if "array" in schema.likely_types and not text.lstrip().startswith("["):
        return [_value(schema.items, name, each.strip()) for each in text.split(",")]
    return _value(schema, name, text)


def _object(text: str) -> dict[str, Any]:
    try:
        return parse_object(text)
    except ValueError as error:
        raise UsageError(f"--json {error}", 'Give one object, such as {"text": "hello"}.') from error


def _values_by_key(pairs: Iterable[str], files: ArgumentFiles) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(
                f"{pair[:60]!r} is not an argument", "Write key=value, or give an object with --json."
            )
        if key.count(".") > MAX_NESTING:
            raise UsageError(f"{key[:60]!r} is nested deeper than {MAX_NESTING} levels", "Correct it.")
        values.setdefault(key, []).append(files.expand(key, text))
    return values


def _place(
    arguments: dict[str, Any], schema: ToolSchema, key: str, values: list[str], allow_unknown: bool
) -> None:
    """Set the argument or, where the key has dots, the member of the argument."""
    target, rest, path = arguments, key, ""
    while True:
        head, _, tail = rest.partition(".")
        if not head or not tail or rest in schema.properties:
            break
        schema = _member(schema, head, path, allow_unknown)
        path = f"{path}{head}"
        if schema.likely_types and "object" not in schema.likely_types:
            raise UsageError(
                f"{path} is {schema.describe()}, which has no members", _how_to_write(schema, path)
            )
        inside = target.setdefault(head, {})
        if not isinstance(inside, dict):
            raise UsageError(
                f"{path} is given both as a whole and by its members", "Use one of the two forms."
            )
        target, rest, path = inside, tail, f"{path}."
    target[rest] = _typed(_member(schema, rest, path, allow_unknown), key, values)


def _typed(schema: ToolSchema, key: str, values: list[str]) -> Any:
    types = schema.likely_types
    if len(values) > 1 or ("array" in types and not values[0].lstrip().startswith("[")):
        if types and "array" not in types:
            raise UsageError(f"{key} is given {len(values)} times", "It takes one value.")
        next_step = "" if schema.items.properties else f"A list is given as {key}=... once per item."
        return [_value(schema.items, key, value, next_step) for value in values]
    return _value(schema, key, values[0])


def _how_to_write(schema: ToolSchema, key: str) -> str:
    """Return how people write a value that has members, or whose items have."""
    if "array" in schema.likely_types:
        return (
            f"Write {key}={{...}} in JSON, once per item." if schema.items.properties else f"Write {key}=..."
        )
    member = next(iter(schema.properties), None)
    return f"Write {key}=..." if member is None else f"Write {key}.{member}=..., or {key}={{...}} in JSON."


def _member(schema: ToolSchema, name: str, path: str, allow_unknown: bool) -> ToolSchema:
    """Return the schema of an argument, or of a member of the object at `path`, which ends with a dot."""
    found = schema.member(name)
    if found is None and not allow_unknown:
        known = sorted(schema.properties)
        near = get_close_matches(name, known, n=3)
        guess = f"Did you mean {' or '.join(path + each for each in near)}? " if near else ""
        what = f"{path[:-1]} has no member" if path else "the tool takes no argument"
        takes = "It has" if path else "It takes"
        raise UsageError(
            f"{what} {name[:60]!r}", f"{guess}{takes}: {', '.join(known) or 'none'}. {_SEND_ANYWAY}"
        )
    return found or ToolSchema({})


def _value(schema: ToolSchema, key: str, text: str, next_step: str = "") -> Any:
    allowed = schema.allowed_values
    if allowed is not None and text.strip() in allowed:
        text = text.strip()
    value = _convert_to_any(schema.likely_types, text)
    if value is _NO_VALUE:
        _check_json(key, text)
        raise UsageError(
            f"{key[:200]} must be {schema.describe()}, not {text[:60]!r}",
            next_step or _how_to_write(schema, key),
        )
    if allowed is not None and value not in allowed:
        raise _not_allowed(key, f"{text[:60]!r}", allowed)
    return value


def _check_json(key: str, text: str) -> None:
    """Raise UsageError for a text that looks like a list or an object in JSON, but is none."""
    if not text.lstrip().startswith(("[", "{")):
        return
    try:
        parse_value(text)
    except ValueError as error:
        raise UsageError(f"{key[:200]} {error}", "Correct it.") from error


def _not_allowed(key: str, shown: str, allowed: list[Any]) -> UsageError:
    near = [] if not shown else get_close_matches(shown.strip("'\""), list(map(as_text, allowed)), n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return UsageError(
        f"{key} cannot be {shown}", f"{guess}It is one of: {', '.join(map(as_text, allowed[:20]))}."
    )


def _check(schema: ToolSchema, value: Any, name: str, allow_unknown: bool, level: int) -> None:
    """Check a value by its type, its allowed values and its members; raises UsageError."""
    if schema.types and not schema.types & types_of(value):
        raise UsageError(f"{name} must be {schema.describe()}, not {json.dumps(value)[:60]}", "Correct it.")
    if schema.allowed_values is not None and value not in schema.allowed_values:
        raise _not_allowed(name, json.dumps(value)[:60], schema.allowed_values)
    if level >= _CHECKED_LEVELS:
        return
    if isinstance(value, dict):
        _check_members(schema, value, f"{name}.", allow_unknown, level + 1)
    elif isinstance(value, list):
        for item in value:
            _check(schema.items, item, name, allow_unknown, level + 1)


def _check_members(
    schema: ToolSchema, value: dict[str, Any], path: str, allow_unknown: bool, level: int
) -> None:
    for name, each in value.items():
        _check(_member(schema, name, path, allow_unknown), each, path + name, allow_unknown, level)
    missing = next((name for name in schema.required if name not in value), None)
    if missing is not None:
        wanted = schema.properties.get(missing, ToolSchema({})).describe()
        raise UsageError(f"the argument {path + missing!r} is missing", f"Add {path}{missing}=..., {wanted}.")


def _refuse_surrogates(arguments: dict[str, Any]) -> None:
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "an argument contains bytes or characters that are not UTF-8 text", "Correct it."
        ) from None


def _convert_to_any(types: frozenset[str], text: str) -> Any:
    """Convert the text to the first matching type, string last."""
    for type_name in ("null", "boolean", "integer", "number", "object", "array"):
        if type_name in types and (value := _convert(type_name, text)) is not _NO_VALUE:
            return value
    return text if "string" in types or not types else _NO_VALUE


def _convert(type_name: str, text: str) -> Any:
    if type_name == "boolean":
        keyword = text.strip().lower()
        return keyword in _TRUE if keyword in (*_TRUE, *_FALSE) else _NO_VALUE
    try:
        value = parse_value(text)
    except ValueError:
        return _NO_VALUE
    if type_name == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        return value if isinstance(value, int) or math.isfinite(value) else _NO_VALUE
    python_types = {"null": type(None), "integer": int, "object": dict, "array": list}
    return value if type(value) is python_types.get(type_name) else _NO_VALUE
