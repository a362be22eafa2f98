"""The three tools that hosts get instead of all tools, as they are listed."""

from collections.abc import Mapping
from typing import Any, Final

from ambassador_server.domain.catalog.published_names import META_TOOL_NAMES
from ambassador_server.domain.catalog.search_words import LONGEST_QUERY

SEARCH: Final = "search_tools"
DESCRIBE: Final = "describe_tool"
CALL: Final = "call_tool"

MOST_FOUND: Final = 50
USUALLY_FOUND: Final = 10

_NAME: Final = {"type": "string", "description": "The name of a tool, as search_tools gives it."}
_READS: Final = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}

DEFINITIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    SEARCH: {
        "name": SEARCH,
        "title": "Search tools",
        "description": (
            "Searches the tools that your organisation has published for you, by words of what you want to do. "
            "Returns names and beginnings of descriptions, the best match first. An empty query lists every tool by "
            "name. Then describe_tool tells the arguments of a tool, and call_tool calls it."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "description": f"Some words, or a name; {LONGEST_QUERY} characters of it are read.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_FOUND,
                    "default": USUALLY_FOUND,
                    "description": "How many tools are returned at most.",
                },
                "offset": {
                    "type": "integer",
                    "minimum": 0,
                    "default": 0,
                    "description": "How many of the best tools are left out, to see those after them.",
                },
            },
            "required": ["query"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {
                "tools": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "title": {"type": "string"},
                            "description": {"type": "string"},
                        },
                        "required": ["name", "description"],
                    },
                },
                "total": {"type": "integer", "description": "How many tools were found in all."},
            },
            "required": ["tools", "total"],
        },
        "annotations": _READS,
    },
    DESCRIBE: {
        "name": DESCRIBE,
        "title": "Describe a tool",
        "description": (
            "Returns the whole definition of one tool: its description, the schema of its arguments, and that of its "
            "structured results if it has one."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {"name": _NAME},
            "required": ["name"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {"tool": {"type": "object"}},
            "required": ["tool"],
        },
        "annotations": _READS,
    },
    CALL: {
        "name": CALL,
        "title": "Call a tool",
        "description": (
            "Calls one tool and returns its result unchanged. The arguments are those that describe_tool tells."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "name": _NAME,
                "arguments": {"type": "object", "description": "The arguments of that tool.", "default": {}},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
    },
}
"""By name. What a call does depends on the tool that is called, so that call_tool has no annotations."""

assert DEFINITIONS.keys() == META_TOOL_NAMES  # noqa: S101 - a mistake of ours
