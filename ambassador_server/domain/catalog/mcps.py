"""The catalog: downstream MCP servers and the tools they offer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ambassador_server.errors import InvalidInputError

_MCP_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


class McpStatus(StrEnum):
    """Only published MCPs serve calls."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class ArgumentPolicy(StrEnum):
    """How much of a call's arguments the audit keeps."""

    NONE = "none"
    KEYS = "keys"
    REDACTED = "redacted"
    FULL = "full"


class Isolation(StrEnum):
    """Whether all users share one connection to a downstream, or each has their own."""

    SHARED = "shared"
    PER_USER = "per_user"


class ToolClass(StrEnum):
    """What a tool may do, from its annotations; silence counts as the worst, as the protocol says."""

    READ_ONLY = "read-only"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


class DownstreamStatus(StrEnum):
    """Life of the connection to one downstream; `degraded` still serves the last known tools."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool as its downstream describes it; `definition` is that JSON object, byte for byte."""

    name: str
    description: str
    tool_class: ToolClass
    definition: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mcp:
    """A catalog entry; `transport` names a file of `downstream/transports`, `options` belong to it."""

    mcp_id: str
    name: str
    display_name: str
    description: str
    transport: str
    options: Mapping[str, Any]
    tags: tuple[str, ...]
    status: McpStatus
    arguments: ArgumentPolicy
    call_timeout_seconds: float
    created_at: datetime
    updated_at: datetime
    isolation: Isolation = Isolation.SHARED
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamState:
    """What is known of one downstream right now."""

    status: DownstreamStatus
    error: str | None
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamActivity:
    """What the connections to one downstream are doing; `restarts` counts attempts to connect after the first."""

    connections: int = 0
    in_flight: int = 0
    restarts: int = 0


def classify_tool(annotations: Mapping[str, Any]) -> ToolClass:
    """Derive the class from `readOnlyHint` and `destructiveHint` and their defaults in the protocol."""
    if annotations.get("readOnlyHint") is True:
        return ToolClass.READ_ONLY
    if annotations.get("destructiveHint") is False:
        return ToolClass.WRITE
    return ToolClass.DESTRUCTIVE


def check_mcp_name(name: str) -> str:
    """Return the name, or raise InvalidInputError: lower case, digits, `_` and `-`, up to 100."""
    if _MCP_NAME.fullmatch(name) is None:
        raise InvalidInputError(
            f"{name!r} is not an MCP name: lower-case letters, digits, '_' and '-', starting with a letter or digit."
        )
    return name


def canonical_name(mcp_name: str, tool_name: str) -> str:
    """Return `mcp.tool`, the name policy and audit use."""
    return f"{mcp_name}.{tool_name}"
