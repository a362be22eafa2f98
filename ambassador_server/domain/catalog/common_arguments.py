"""The arguments that several tools have in common, so that one call can be sent to all of them.

An argument is common if every tool describes it alike; titles, descriptions and examples do not count. A tool fits to
others if all that it requires is common, and all that they require. What else its schema demands must be equal.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

LONGEST_DEFINITION: Final = 32 * 1024
_WORDS: Final = frozenset({"title", "description", "$comment", "examples", "x-mcp-header"})
"""What a schema says to people, and how a host sends an argument a second time: not what an argument may be."""
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VALUES: Final = frozenset({"enum", "const", "default"})
_DEFINITIONS: Final = ("$defs", "definitions")
_LED_AWAY: Final = re.compile(
    r'"\$(?:ref": "(?!#/(?:\$defs|definitions)/)|(?:id|anchor|dynamic\w+|recursive\w+)": ["t])'
)
"""References that would lead elsewhere where the schema is a part of another."""
_OWN: Final = frozenset(
    {"type", "$schema", "$id", "properties", "required", "additionalProperties", *_DEFINITIONS}
)


class ToolArguments(Struct, frozen=True, kw_only=True):
    """What one tool takes: each argument in a form that can be compared, and the schema as it is.

    `rest` is what the schema demands besides, in the same form.
    """

    properties: Mapping[str, str]
    required: frozenset[str]
    rest: str
    schema: Mapping[str, Any]

    def fits(self, others: "ToolArguments") -> frozenset[str] | None:
        """Return the names of what this tool and others have in common; None if they cannot be called alike."""
        names = self.names_shared(others)
        needed = self.required | others.required
        return names if needed <= names and self.rest == others.rest else None

    def names_shared(self, others: "ToolArguments") -> frozenset[str]:
        """Return the names of the arguments that both describe alike."""
        known = others.properties
        return frozenset(name for name, each in self.properties.items() if known.get(name) == each)


class CommonArguments(Struct, frozen=True, kw_only=True):
    """What the tools at `positions` have in common; `partial` names what only some of them take, or take otherwise."""

    positions: tuple[int, ...]
    schema: Mapping[str, Any]
    partial: frozenset[str]


def read_arguments(definition: bytes) -> ToolArguments | None:
    """Return what a tool takes; None if its definition is too large, or if it does not describe an object."""
    if len(definition) > LONGEST_DEFINITION:
        return None
    try:
        schema = json.loads(definition)["inputSchema"]
        if schema.get("type", "object") != "object":
            return None
        # Numbers that JSON does not have could not be published again.
        text = json.dumps({name: each for name, each in schema.items() if name != "$id"}, allow_nan=False)
        return None if _LED_AWAY.search(text) else _arguments(schema)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def common_arguments(tools: Sequence[ToolArguments | None]) -> CommonArguments | None:
    """Return what as many of the tools as possible have in common, None if there is none that can be read.

    From each tool on, the others join in their order if they fit; the first of the largest sets is taken.
    """
    best: list[int] = []
    readable = sum(tool is not None for tool in tools)
    for first in range(len(tools)):
        joined = _joined(tools, first)
        if len(joined) > len(best):
            best = joined
        if len(best) == readable:
            break
    chosen = [tool for position in sorted(best) if (tool := tools[position]) is not None]
    if not chosen:
        return None
    names = _shared(chosen)
    every = frozenset(name for tool in chosen for name in tool.properties)
    return CommonArguments(
        positions=tuple(sorted(best)), schema=_common_schema(chosen, names), partial=every - names
    )


def differing(tool: ToolArguments, chosen: Iterable[ToolArguments]) -> tuple[str, ...]:
    """Return the names of the required arguments for which a tool does not fit to the chosen ones."""
    names: set[str] = set()
    for other in chosen:
        names |= (tool.required | other.required) - tool.names_shared(other)
    return tuple(sorted(names))


def _joined(tools: Sequence[ToolArguments | None], first: int) -> list[int]:
    together = tools[first]
    if together is None:
        return []
    joined = [first]
    for position, tool in enumerate(tools):
        if tool is None or position == first:
            continue
        names = together.fits(tool)
        if names is not None:
            joined.append(position)
            together = ToolArguments(
                properties={name: each for name, each in together.properties.items() if name in names},
                required=together.required | tool.required,
                rest=together.rest,
                schema={},
            )
    return joined


def _shared(chosen: Sequence[ToolArguments]) -> frozenset[str]:
    names = frozenset(chosen[0].properties)
    for tool in chosen[1:]:
        names &= chosen[0].names_shared(tool)
    return names


def _common_schema(chosen: Sequence[ToolArguments], names: frozenset[str]) -> dict[str, Any]:
    """Return the schema of the first tool, with what is common alone."""
    first = chosen[0].schema
    required = frozenset(name for tool in chosen for name in tool.required)
    described = first.get("properties", {})
    schema: dict[str, Any] = {
        name: _without(each, frozenset({"x-mcp-header"})) for name, each in first.items() if name not in _OWN
    }
    schema["type"] = "object"
    schema["properties"] = {
        name: _without(described.get(name, True), frozenset({"x-mcp-header"}))
        for name in chosen[0].properties
        if name in names
    }
    if required:
        schema["required"] = [name for name in chosen[0].properties if name in required]
    more = {_compared(tool.schema.get("additionalProperties", True)) for tool in chosen}
    if len(more) > 1:
        schema["additionalProperties"] = False
    elif "additionalProperties" in first:
        schema["additionalProperties"] = first["additionalProperties"]
    return schema | {name: first[name] for name in _DEFINITIONS if name in first}


def _arguments(schema: Mapping[str, Any]) -> ToolArguments:
    described: Mapping[str, Any] = schema.get("properties", {})
    required = frozenset(str(name) for name in schema.get("required", ()))
    definitions = _compared({name: schema[name] for name in _DEFINITIONS if name in schema})

    def compared(value: Any) -> str:
        text = _compared(value)
        # What refers to a definition means what that says.
        return text + definitions if '"$' in text else text

    properties = {name: compared(each) for name, each in described.items()}
    for name in sorted(required - properties.keys()):
        properties[name] = compared(True)
    rest = {name: each for name, each in schema.items() if name not in _OWN}
    return ToolArguments(properties=properties, required=required, rest=compared(rest), schema=schema)


def _compared(schema: Any) -> str:
    return json.dumps(_without(schema, _WORDS), sort_keys=True)


def _without(schema: Any, words: frozenset[str]) -> Any:
    """Return a schema without these keywords; names of arguments and values stay."""
    if isinstance(schema, list):
        return [_without(each, words) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for word, value in schema.items():
        if word in words:
            continue
        if word in _NAMED and isinstance(value, dict):
            kept[word] = {name: _without(each, words) for name, each in value.items()}
        else:
            kept[word] = value if word in _VALUES else _without(value, words)
    return kept
