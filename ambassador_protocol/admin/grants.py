"""Bodies of `/v1/admin/grants`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import Delivery, Effect
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """`POST` and `PUT /v1/admin/grants`: tool patterns are globs over `mcp.tool`, a bare one is put under the MCP.

    Two grants that differ in owner and expiry alone are the same to `PUT`; an owner that is absent stays as it is. It
    ends at a time, or after a time, or never.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant as the admin API shows it."""

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
