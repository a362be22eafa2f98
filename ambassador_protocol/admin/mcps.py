"""Bodies of `/v1/admin/mcps`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import (
    ArgumentPolicy,
    DownstreamStatus,
    Isolation,
    McpStatus,
    ToolClass,
)
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
    arguments: ArgumentPolicy = "redacted"
    call_timeout_seconds: float = 60.0
    isolation: Isolation = "shared"
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class McpPut:
    """`PUT` and `PATCH /v1/admin/mcps/{name}`: what is absent stays as it is, or begins as it does by default.

    A new entry needs `transport` and `options`. Options are replaced as a whole; sent back just as they were shown,
    masks included, they stay as they are. Other options of a published entry are tried first, unless the query says
    `test=false`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    transport: str | None = None
    options: dict[str, Any] | None = None
    display_name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    arguments: ArgumentPolicy | None = None
    call_timeout_seconds: float | None = None
    isolation: Isolation | None = None
    owner: str | None = None


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
    arguments: ArgumentPolicy
    call_timeout_seconds: float
    isolation: Isolation
    status: McpStatus
    state: DownstreamStatus
    error: str | None
    tools: int
    connections: int
    calls_in_flight: int
    restarts: int
    owner: str | None
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
    tool_class: ToolClass
    description: str
