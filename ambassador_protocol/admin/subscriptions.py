"""Bodies of `/v1/admin/subscriptions`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPut:
    """`PUT /v1/admin/subscriptions/{key_id}/{mcp}`: tool patterns as in a grant; an empty list selects no tool.

    They must match tools that are known, unless `allow_unmatched` is true or the MCP has never been connected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: list[str] = field(default_factory=lambda: ["*"])
    allow_unmatched: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """The tools of an MCP that one client, identified by its key, has selected."""

    id: str
    user: str | None
    key: str | None
    key_id: str
    mcp: str
    tools: list[str]
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSubscription(SubscriptionView):
    """A subscription that was made or changed; `warnings` name patterns that match no tool now."""

    warnings: list[str]
