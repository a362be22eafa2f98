"""Describes the arguments of a tool for people: a row for each argument and for each member of an object."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ambassador_client.cli.tool_schema import ToolSchema, as_text
from ambassador_client.errors import one_line

_MAX_LEVELS = 5
_MAX_ROWS = 300
_MAX_VALUES = 30
_OPTIONAL_COLUMNS = ("default", "values", "description")


def argument_rows(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows; `at.line` is a member of the argument `at`, `at[].line` one of the objects in the list `at`.

    A column that is empty in every row is left out.
    """
    rows = list(islice(_rows(ToolSchema(schema), "", []), _MAX_ROWS))
    empty = [name for name in _OPTIONAL_COLUMNS if all(row[name] is None for row in rows)]
    return [{name: value for name, value in row.items() if name not in empty} for row in rows]


def _rows(schema: ToolSchema, path: str, around: list[ToolSchema]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an object; `around` are the schemas that it is within, which end a circle."""
    for name, member in schema.properties.items():
        items = member.items if "array" in member.likely_types else None
        values = member.allowed_values or (None if items is None else items.allowed_values)
        text = member.annotation("description")
        yield {
            "argument": path + name,
            "type": _type(member, items),
            "required": name in schema.required,
            "default": as_text(member.annotation("default")) or '""' if member.has_default() else None,
            "values": None if values is None else ", ".join(map(as_text, values[:_MAX_VALUES])),
            "description": one_line(text) if isinstance(text, str) and text else None,
        }
        inside = member if items is None else items
        outer = [*around, schema]
        if len(outer) < _MAX_LEVELS and not inside.is_within(outer):
            yield from _rows(inside, f"{path}{name}{'' if items is None else '[]'}.", outer)


def _type(member: ToolSchema, items: ToolSchema | None) -> str:
    if items is None or not items.likely_types:
        return member.describe()
    return member.describe().replace("array", f"array of {items.describe()}")
