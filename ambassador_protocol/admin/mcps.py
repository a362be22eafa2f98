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
    isolation: str = "shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class McpView:
    """A catalog entry and the state of its downstream; secrets in `options` are masked.

    `connections`, `calls_in_flight` and `restarts` count those of one server, the users' own included.
    """

    name: str
    display_name: str
    description: str
    transport: str
    options: dict[str, Any]
    tags: list[str]
    arguments: str
    call_timeout_seconds: float
    isolation: str
    status: str
    state: str
    error: str | None
    tools: int
    connections: int
    calls_in_flight: int
    restarts: int
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputView:
    """One line a downstream wrote that is not MCP, masked; `user` where the connection is one user's own."""

    user: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """One tool of a catalog entry: canonical and published name."""

    name: str
    published_as: str
    tool_class: str
    description: str
