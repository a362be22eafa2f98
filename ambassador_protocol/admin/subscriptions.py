"""Bodies of `/v1/admin/subscriptions`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPut:
    """`PUT /v1/admin/subscriptions/{key_id}/{mcp}`: patterns as in a grant; an empty list of tools selects none.

    They must match what is known of the MCP, unless `allow_unmatched` is true or the MCP has never been connected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    tools: list[str] | None = None
    resources: list[str] | None = None
    prompts: list[str] | None = None
    allow_unmatched: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """What one client, identified by its key, has selected of an MCP; null members as in a grant."""

    id: str
    user: str | None
    key: str | None
    key_id: str
    mcp: str
    tools: list[str]
    resources: list[str] | None
    prompts: list[str] | None
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSubscription(SubscriptionView):
    """A subscription that was made or changed; `warnings` name patterns that match nothing now."""

    warnings: list[str]
