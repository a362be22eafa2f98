"""Which constraints a grant may have: a schema for each argument, of the JSON Schema keywords that are checked."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ambassador_server.domain.shared.names import near
from ambassador_server.errors import InvalidInputError

OPTIONAL: Final = "optional"
"""The one keyword of ours: an argument with `optional: true` may be missing."""

_MOST_ARGUMENTS: Final = 50
_MOST_PATTERNS: Final = 50
_LARGEST: Final = 16 * 1024
_DEEPEST: Final = 10
_LONGEST_NAME: Final = 128
_SHOWN: Final = 60

_KEYWORDS_OF: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
    "array": frozenset(
        {
            "items",
            "prefixItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
            "minContains",
            "maxContains",
        }
    ),
    "object": frozenset(
        {
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "required",
            "minProperties",
            "maxProperties",
            "dependentRequired",
        }
    ),
}
_SCHEMA: Final = frozenset(
    {"not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames"}
)
_SCHEMA_LIST: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMA_MAP: Final = frozenset({"properties", "patternProperties"})
_TESTED: Final = frozenset({"not", "if", "contains", "propertyNames"})
"""Keywords below which a narrower schema may permit more, or can only meet names."""
_VALUES: Final = frozenset({"type", "enum", "const"})
_NOTES: Final = frozenset({"title", "description", "$comment"})
_KEYWORDS: Final = frozenset().union(
    _SCHEMA, _SCHEMA_LIST, _SCHEMA_MAP, _VALUES, _NOTES, *_KEYWORDS_OF.values()
)


def canonical_constraints(constraints: Mapping[str, Any]) -> str | None:
    """Return constraints as they are stored, None if there are none; raises InvalidInputError.

    Whether the values of the keywords are valid, the compiler of the schemas says.
    """
    if not constraints:
        return None
    if len(constraints) > _MOST_ARGUMENTS:
        raise InvalidInputError(f"constraints: at most {_MOST_ARGUMENTS} arguments")
    patterns = 0
    for name, schema in constraints.items():
        where = f"constraints.{_shown(name)}"
        if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
            raise InvalidInputError(
                f"{where}: a name of 1 to {_LONGEST_NAME} printable characters is required"
            )
        patterns += sum(_check_keywords(_without_optional(schema, where), where))
    if patterns > _MOST_PATTERNS:
        raise InvalidInputError(f"constraints: at most {_MOST_PATTERNS} patterns")
    try:
        text = json.dumps(
            constraints, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
        )
        size = len(text.encode())
    except ValueError as error:
        raise InvalidInputError("constraints: contain a value that is no JSON") from error
    if size > _LARGEST:
        raise InvalidInputError(f"constraints: {size} bytes are more than {_LARGEST}")
    return text


def effective_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an argument with the types that its keywords imply, and without the keyword of ours."""
    typed: dict[str, Any] = _with_types({key: value for key, value in schema.items() if key != OPTIONAL})
    return typed


def _without_optional(schema: Any, where: str) -> Any:
    if schema is False:
        return schema
    if not isinstance(schema, dict) or not schema:
        raise InvalidInputError(
            f"{where}: must be a JSON Schema with a keyword, or false for an argument that must not be given"
        )
    if not isinstance(schema.get(OPTIONAL, False), bool):
        raise InvalidInputError(f"{where}.{OPTIONAL}: must be true or false")
    rest = {key: value for key, value in schema.items() if key != OPTIONAL}
    if not rest.keys() - _NOTES:
        raise InvalidInputError(f"{where}: has no keyword that demands anything")
    return rest


def _check_keywords(schema: Any, where: str, depth: int = 1) -> Iterator[int]:
    """Check the keywords of a schema and of those in it; return how many patterns each keyword has."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise InvalidInputError(f"{where}: must be a schema, which is an object, true or false")
    if depth > _DEEPEST:
        raise InvalidInputError(f"constraints: schemas are at most {_DEEPEST} deep")
    for keyword, value in schema.items():
        here = f"{where}.{_shown(keyword)}"
        if keyword not in _KEYWORDS:
            raise InvalidInputError(_unknown(keyword, here))
        for name, inner in _schemas_in(keyword, value, here):
            yield from _check_keywords(inner, name, depth + 1)
        yield 1 if keyword == "pattern" else len(value) if keyword == "patternProperties" else 0


def _schemas_in(keyword: str, value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if keyword in _SCHEMA:
        yield where, value
    elif keyword in _SCHEMA_LIST:
        if not isinstance(value, list):
            raise InvalidInputError(f"{where}: must be a list of schemas")
        yield from ((f"{where}[{index}]", inner) for index, inner in enumerate(value))
    elif keyword in _SCHEMA_MAP:
        if not isinstance(value, dict):
            raise InvalidInputError(f"{where}: must be an object of schemas")
        yield from ((f"{where}.{_shown(name)}", inner) for name, inner in value.items())


def _unknown(keyword: str, where: str) -> str:
    if keyword in {"$ref", "$dynamicRef", "$schema", "$id", "$defs", "definitions"}:
        return f"{where}: references are not followed; write the schema out"
    if keyword == OPTIONAL:
        return f"{where}: stands beside the other keywords of an argument, not within them"
    return f"{where}: is no keyword that is checked{near(keyword, _KEYWORDS)}"


def _with_types(schema: Any) -> Any:
    """Return a schema in which each keyword that is about a type demands it, so that no other type passes unchecked."""
    if not isinstance(schema, dict):
        return schema
    found = {keyword: _typed_value(keyword, value) for keyword, value in schema.items()}
    implied = [kind for kind, keywords in _KEYWORDS_OF.items() if not keywords.isdisjoint(found)]
    return {"type": implied, **found} if implied and not _VALUES & found.keys() else found


def _typed_value(keyword: str, value: Any) -> Any:
    if keyword in _TESTED:
        return value
    if keyword in _SCHEMA:
        return _with_types(value)
    if keyword in _SCHEMA_LIST:
        return [_with_types(each) for each in value]
    if keyword in _SCHEMA_MAP:
        return {name: _with_types(each) for name, each in value.items()}
    return value


def _shown(name: str) -> str:
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
