"""Names and numbers of the Model Context Protocol that more than one program uses.

Source: the specification revisions 2024-11-05 to 2026-07-28; a test compares these tables with `mcp-types`.
"""

from collections.abc import Mapping
from typing import Final

LEGACY_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LATEST_LEGACY: Final = LEGACY_VERSIONS[-1]
BATCH_VERSION: Final = "2025-03-26"
"""The only revision in which a message may be an array of messages."""
MAX_BATCH: Final = 100
"""How many messages an array may hold."""

MODERN_VERSION: Final = "2026-07-28"
MODERN_VERSIONS: Final = (MODERN_VERSION,)

META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
META_CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
META_CLIENT_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
META_SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
META_LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
META_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
META_ALL_TOOLS: Final = "mcp-ambassador/allTools"
"""Asks, with `true` in the `_meta` of `tools/list`, for all tools, also where hosts get those that search instead."""

MAX_CALL_SECONDS: Final = 3600.0
"""The longest deadline that an administrator can set for a call; every other timeout on the way must be longer."""

VERSION_HEADER: Final = "MCP-Protocol-Version"
METHOD_HEADER: Final = "Mcp-Method"
NAME_HEADER: Final = "Mcp-Name"
PARAM_HEADER_PREFIX: Final = "Mcp-Param-"
SESSION_HEADER: Final = "Mcp-Session-Id"

NAME_PARAMS: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""The parameter of each method of the protocol itself that is repeated in the header `Mcp-Name`."""

TASKS: Final = "io.modelcontextprotocol/tasks"
"""The extension by which a tool call may be answered with a task, whose result comes later."""
TASK_METHODS: Final = ("tasks/get", "tasks/update", "tasks/cancel")
NAMED_BY: Final[Mapping[str, str]] = {**NAME_PARAMS, **dict.fromkeys(TASK_METHODS, "taskId")}
"""The parameter of each method that is repeated in the header `Mcp-Name`, with those of the extension."""

QUESTIONS: Final = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""What a server may ask of a host, each with the client capability that says so."""

INPUT_REQUIRED: Final = "input_required"
"""The `resultType` of an answer that holds questions, in the modern era."""

CLIENT_FEATURES: Final[Mapping[str, Mapping[str, bool]]] = {
    "tools": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "prompts": {"listChanged": True},
    "completions": {},
    "logging": {},
}
"""The capabilities that the client declares while it does not know the server's.

A host asks for nothing that is not declared, but finds out by asking that there is nothing: so these are all that a
server can have.
"""
LISTED_FEATURES: Final = ("tools", "resources", "prompts")
"""The features with a list, of which `listChanged` says that changes are announced."""


def is_legacy(version: str | None) -> bool:
    """Tell whether an HTTP request belongs to the legacy era; `version` is its version header."""
    return version is None or version in LEGACY_VERSIONS


DENIAL: Final = "mcp-ambassador/denial"
"""The member of `_meta` with the reason of a denial that is a result, and the id of the request that waits."""
