"""Bodies of `/v1/enrol` and `/v1/me`: what a user sees and changes of their own."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolRequest:
    """`POST /v1/enrol`: the one-time code, in capitals or not, with its dashes or without."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKeyView:
    """The key in use, without its secret."""

    id: str
    name: str
    prefix: str
    created_at: str
    expires_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnIssuedKey:
    """A new key of one's own; `preshared_key` is shown this once, `old_key_ends_at` says when the other one ends."""

    user: str
    key: OwnKeyView
    preshared_key: str
    old_key_ends_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """The session whose token the request came with."""

    id: str
    friendly_name: str
    host_tool: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """`GET /v1/me`: `session` is None where the key itself was presented, `refused` says why nothing is permitted."""

    user: str
    display_name: str
    groups: list[str]
    key: OwnKeyView
    session: OwnSession | None
    tools: int
    refused: str | None
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRotation:
    """`POST /v1/me/key/rotate`: how long the old key stays good beside the new one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    overlap_seconds: int = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTool:
    """A tool the user may know of; `refused` is None for one that can be called now."""

    name: str
    published_as: str
    description: str
    tool_class: str
    refused: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMcp:
    """An MCP of which something is granted; `selected` are the patterns of the subscription, None without one."""

    name: str
    display_name: str
    description: str
    delivery: str
    subscribed: bool
    selected: list[str] | None
    tools: list[OwnTool]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCatalog:
    """`GET /v1/me/catalog`."""

    mcps: list[OwnMcp]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSubscriptionPut:
    """`PUT /v1/me/subscriptions/{mcp}`: patterns of the tools wanted, of those that are granted."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: list[str] | None = None
