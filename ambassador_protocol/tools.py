"""Bodies of `/v1/tools` and `/v1/tools/invoke`, with the names of the original protocol."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDescriptor:
    """One tool; `description` is never null."""

    name: str
    description: str
    input_schema: Any
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCatalog:
    """Every tool that the principal may call."""

    tools: list[ToolDescriptor]
    timestamp: str
    api_version: str = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """The result of a call; `result` is a list of content blocks, also when the call failed."""

    result: Any
    request_id: str
    timestamp: str
    metadata: dict[str, Any] = field(default_factory=dict)
