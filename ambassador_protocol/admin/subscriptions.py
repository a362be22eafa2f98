"""Bodies of `/v1/admin/subscriptions`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPut:
    """`PUT /v1/admin/subscriptions/{key_id}/{mcp}`: patterns as in a grant; none at all selects no tool."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: list[str] = field(default_factory=lambda: ["*"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """What one client, known by its key, has chosen of an MCP."""

    id: str
    user: str | None
    key: str | None
    key_id: str
    mcp: str
    tools: list[str]
    created_at: str
    created_by: str
