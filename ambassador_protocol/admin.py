"""Bodies of the admin API: resources are named by natural name, never by an internal id.

Requests refuse unknown members (pydantic reads `__pydantic_config__`); responses never hold a hash or secret.
Times are ISO-8601 UTC with milliseconds.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """`POST /v1/admin/users`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    name: str
    display_name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user as the admin API shows it."""

    name: str
    display_name: str
    email: str | None
    status: str
    groups: list[str]
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """`PATCH /v1/admin/users/{name}`: only the members that are present change."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """`POST /v1/admin/groups`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with its members' names."""

    name: str
    description: str
    status: str
    members: list[str]
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMcp:
    """`POST /v1/admin/mcps`: `options` belong to the transport (`command`, `url`, …)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """`POST /v1/admin/grants`: tool patterns are globs over `mcp.tool`; a bare pattern is put under the MCP."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    group: str
    mcp: str
    tools: list[str] = field(default_factory=lambda: ["*"])
    effect: str = "permit"
    expires_in_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant as the admin API shows it."""

    id: str
    group: str
    mcp: str
    tools: list[str]
    effect: str
    expires_at: str | None
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """`POST /v1/admin/keys`: a client key for a user."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    user: str
    name: str
    expires_in_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A client key without its secret."""

    id: str
    user: str
    name: str
    prefix: str
    status: str
    expires_at: str | None
    last_used_at: str | None
    last_host: str | None
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """`POST /v1/admin/keys/{id}/rotate`: how long the old key stays good beside the new one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    overlap_seconds: int = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new client key; `preshared_key` is shown this once."""

    key: KeyView
    preshared_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwitch:
    """`POST /v1/admin/kill-switches`: `target` is a natural name, absent for scope `everyone`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT
    scope: str
    reason: str
    target: str | None = None
    message: str | None = None
    expires_in_seconds: int | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """A kill switch; `drill` switches are recorded but stop nothing."""

    id: str
    scope: str
    target: str | None
    reason: str
    message: str | None
    author: str
    drill: bool
    active: bool
    created_at: str
    expires_at: str | None
    lifted_at: str | None
    lifted_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A client process that is registered; its token is nowhere to be seen."""

    id: str
    user: str
    key: str
    friendly_name: str
    host_tool: str
    created_at: str
    last_seen_at: str
    expires_at: str
    ended_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A rule that was looked at; `why` says why one that does not apply stayed silent."""

    kind: str
    id: str
    says: str
    applies: bool
    why: str | None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """Whether a user may call a tool now, the reason, every rule, and what would change it."""

    user: str
    key: str | None
    tool: str
    allowed: bool
    reason: str | None
    remedy: str | None
    rules: list[RuleView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """The administrator behind an `amb_ak_` key."""

    name: str
    roles: list[str]
    expires_at: str | None
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A list answer: the rows, and where the next page starts."""

    items: list[Any]
    next_cursor: str | None
    total: int | None = None
