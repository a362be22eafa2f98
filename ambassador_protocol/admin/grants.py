"""Bodies of `/v1/admin/grants`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """`POST /v1/admin/grants`: tool patterns are globs over `mcp.tool`; a bare pattern is put under the MCP."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
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
