"""Bodies of `/v1/admin/mcps`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMcp:
    """`POST /v1/admin/mcps`: `options` belong to the transport (`command`, `url`, …)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    transport: str
    options: dict[str, Any]
    display_name: str | None = None
    description: str = ""
    tags: list[str] = field(default_factory=list)
    arguments: str = "redacted"
    call_timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class McpView:
    """A catalog entry and the state of its downstream; secrets in `options` are masked."""

    name: str
    display_name: str
    description: str
    transport: str
    options: dict[str, Any]
    tags: list[str]
    arguments: str
    call_timeout_seconds: float
    status: str
    state: str
    error: str | None
    tools: int
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """One tool of a catalog entry: canonical and published name."""

    name: str
    published_as: str
    tool_class: str
    description: str
