"""The definitions of broadcasts as hosts get them: what they do, what they take, and what they answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LONGEST_DESCRIPTION: Final = 2000
_LONGEST_SCHEMAS: Final = 32 * 1024
"""Beyond it the arguments of a broadcast by tag are not described; the tools themselves describe them."""
_NUMBER: Final = {"type": "integer", "minimum": 0}
OUTPUT_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "tool_name": {"type": "string"},
        "total_servers": _NUMBER,
        "successful": _NUMBER,
        "failed": _NUMBER,
        "results": {
            "type": "object",
            "description": "What each MCP answered, by its name.",
            "additionalProperties": {"type": "object"},
        },
        "errors": {
            "type": "object",
            "description": "Why an MCP gave no result, by its name.",
            "additionalProperties": {"type": "string"},
        },
        "reasons": {
            "type": "object",
            "description": "The same in one word.",
            "additionalProperties": {"type": "string"},
        },
        "truncated": {
            "type": "object",
            "description": "The bytes that an MCP answered whose answer was cut, by its name.",
            "additionalProperties": _NUMBER,
        },
        "execution_time_ms": _NUMBER,
    },
    "required": [
        "tool_name",
        "total_servers",
        "successful",
        "failed",
        "results",
        "errors",
        "reasons",
        "truncated",
        "execution_time_ms",
    ],
}


def tool_definition(
    tool: str, servers: Sequence[str], schema: Mapping[str, Any], description: str
) -> dict[str, Any]:
    """Return the definition of the broadcast of one tool; `description` is that of the tool itself."""
    text = f"Calls {tool} of several MCPs at once: {', '.join(servers)}. Returns what each of them answers."
    if description:
        text += f"\n\n{tool}: {description}"
    required = ["arguments"] if schema.get("required") else []
    return _definition(text, {"arguments": schema, "servers": _servers(servers)}, required)


def tag_definition(
    tag: str, servers: Sequence[str], schemas: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the definition of the broadcast to all MCPs with a tag; `schemas` are those of the tools by name."""
    text = (
        f"Calls one tool of all MCPs with the tag {tag} at once: {', '.join(servers)}. Returns what each of them "
        f"answers. The tools: {', '.join(schemas)}."
    )
    arguments: dict[str, Any] = {"type": "object", "description": "The arguments of the tool."}
    described = [{**schema, "title": tool} for tool, schema in schemas.items()]
    if len(described) == 1:
        arguments = described[0]
    elif len(json.dumps(described)) <= _LONGEST_SCHEMAS and not any(map(_has_definitions, described)):
        arguments["anyOf"] = described
    properties = {
        "tool_name": {
            "type": "string",
            "enum": list(schemas),
            "description": "The name of the tool to call.",
        },
        "arguments": arguments,
        "servers": _servers(servers),
    }
    return _definition(text, properties, ["tool_name"])


def _definition(text: str, properties: Mapping[str, Any], required: Sequence[str]) -> dict[str, Any]:
    hoisted: dict[str, Any] = {}
    arguments = dict(properties["arguments"])
    for name in ("$defs", "definitions"):
        # References in it begin at the root of the whole schema.
        if name in arguments:
            hoisted[name] = arguments.pop(name)
    return {
        "description": text[:_LONGEST_DESCRIPTION],
        "inputSchema": {
            "type": "object",
            "properties": {**properties, "arguments": arguments},
            "required": list(required),
            "additionalProperties": False,
            **hoisted,
        },
        "outputSchema": OUTPUT_SCHEMA,
    }


def _has_definitions(schema: Mapping[str, Any]) -> bool:
    return "$defs" in schema or "definitions" in schema


def _servers(names: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "array",
        "items": {"type": "string", "enum": list(names)},
        "minItems": 1,
        "description": "The MCPs to call; by default all.",
    }
