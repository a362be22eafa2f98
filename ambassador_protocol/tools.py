"""Bodies of `/v1/tools` and `/v1/tools/invoke`, named as the original protocol names them."""

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
    """Every tool the principal may call."""

    tools: list[ToolDescriptor]
    timestamp: str
    api_version: str = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutcome:
    """What a call came to: `result` is always a list of content blocks, for a failure too."""

    result: Any
    request_id: str
    timestamp: str
    metadata: dict[str, Any] = field(default_factory=dict)
