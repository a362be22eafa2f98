"""Bodies of `/v1/admin/grants`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import Delivery, Effect
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """`POST` and `PUT /v1/admin/grants`: tool patterns are globs over `mcp.tool`; a pattern without the MCP gets it.

    `PUT` changes owner and expiry of a grant that is equal in everything else; an absent owner stays as it is. The
    grant ends at `expires_at`, after `expires_in_seconds`, or never when both are absent.
    A new grant must match tools that are known, unless `allow_unmatched` is true or its MCP has never been connected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    group: str
    mcp: str
    tools: list[str] = field(default_factory=lambda: ["*"])
    effect: Effect = "permit"
    delivery: Delivery = "automatic"
    expires_in_seconds: int | None = None
    expires_at: str | None = None
    owner: str | None = None
    allow_unmatched: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant."""

    id: str
    group: str
    mcp: str
    tools: list[str]
    effect: Effect
    delivery: Delivery
    expires_at: str | None
    owner: str | None
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGrant(GrantView):
    """A grant that was added or updated; `warnings` name patterns that match no tool now."""

    warnings: list[str]
