"""Compiles the constraints of grants with jsonschema-rs, whose patterns take time in proportion to the text."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from ambassador_server.argument_rules.raw_arguments import ArgumentRule, ArgumentRules
from ambassador_server.domain.policy.argument_checks import ArgumentCheck, refuse_every_argument
from ambassador_server.domain.policy.constraint_schemas import (
    OPTIONAL,
    canonical_constraints,
    effective_schema,
)
from ambassador_server.errors import InvalidInputError

_PATTERN_SIZE: Final = 128 * 1024
"""Of a compiled pattern; with the longest text that is checked, it bounds the time of a check."""
_LONGEST_RULE: Final = 200
_MOST_KEPT: Final = 10_000


class JsonSchemaRules:
    """Implements the port `ArgumentRules`."""

    def __init__(self) -> None:
        self._compiled = lru_cache(maxsize=_MOST_KEPT)(_compiled_or_refusing)

    def canonical(self, constraints: Mapping[str, Any]) -> str | None:
        """Return constraints as they are stored, None if there are none; raises InvalidInputError."""
        text = canonical_constraints(constraints)
        if text is not None:
            _compile(text)
        return text

    def compiled(self, constraints: str) -> ArgumentCheck:
        """Return the check for stored constraints, the same one for the same text; it refuses what it cannot read."""
        return self._compiled(constraints)


def _compiled_or_refusing(text: str) -> ArgumentCheck:
    try:
        return _compile(text)
    except (InvalidInputError, ValueError, TypeError, AttributeError):
        return refuse_every_argument


def _compile(text: str) -> ArgumentCheck:
    return ArgumentRules({name: _rule(name, each) for name, each in json.loads(text).items()})


def _rule(name: str, written: Any) -> ArgumentRule:
    # 14 MB of memory, which a server without constraints does not need.
    import jsonschema_rs  # noqa: PLC0415

    if written is False:
        return ArgumentRule(None)
    schema = effective_schema(written)
    # Not the default engine, which can take exponential time. Keywords that refer to other documents are refused
    # before, see constraint_schemas.
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_SIZE, dfa_size_limit=_PATTERN_SIZE)
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema, pattern_options=options, validate_formats=False, retriever=_refuse_document
        )
    except jsonschema_rs.ValidationError as error:
        raise InvalidInputError(_fault(name, error.instance_path, schema)) from None

    def broken_rule(value: Any) -> str | None:
        if validator.is_valid(value):
            return None
        error = next(validator.iter_errors(value))
        return _shown_rule(error.schema_path, schema)

    return ArgumentRule(broken_rule, validator.is_valid, may_be_missing=bool(written.get(OPTIONAL)))


def _refuse_document(uri: str) -> Any:
    raise ValueError(f"{uri} is not read")


def _fault(name: str, path: list[str | int], schema: Any) -> str:
    where = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    is_pattern = path[-1:] == ["pattern"] or "patternProperties" in path
    about = ": no pattern that can be checked; look-around and back-references cannot" if is_pattern else ""
    return f"constraints.{name}{where}: {_shown(_at(path, schema))} is not valid there{about}"


def _shown_rule(path: list[str | int], schema: Any) -> str:
    """Return the path of the keyword that is broken and what it demands."""
    where = "/".join(map(str, path))
    return f"{where} {_shown(_at(path, schema))}".strip()


def _at(path: list[str | int], schema: Any) -> Any:
    found = schema
    for each in path:
        try:
            found = found[each]
        except (LookupError, TypeError):
            break
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_RULE else f"{text[:_LONGEST_RULE]}…"
