"""Bodies of `/v1/admin/grants`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import Delivery, Effect
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantApproval:
    """The approval that each call needs, by a member of the group `approvers`, or by an administrator without one.

    It is good for `valid_seconds` after it was given, 600 when they are absent.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    required: bool = True
    approvers: str | None = None
    valid_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantApprovalView:
    """The approval that each call of a grant needs; administrators give it if `approvers` is null."""

    approvers: str | None
    valid_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """`POST` and `PUT /v1/admin/grants`: what a grant covers, by kind.

    Patterns of tools and prompts are globs over `mcp.tool` and `mcp.prompt`; a pattern without the MCP gets it.
    Patterns of resources are globs over whole URIs. Without any, or with the tools `*` alone, the grant covers
    everything that the MCP has, and otherwise what is named; absent `tools` are then none.
    `PUT` changes owner and expiry of a grant that is equal in everything else; an absent owner stays as it is. The
    grant ends at `expires_at`, after `expires_in_seconds`, or never when both are absent.
    A new grant must match what is known of the MCP, unless `allow_unmatched` is true or the MCP was never connected.
    `constraints` permit a call of a tool only with certain arguments: a JSON Schema for each argument, which must be
    given unless its schema has `optional: true`; the schema `false` forbids it. `PUT` changes them; absent ones stay as
    they are, and `{}` removes them.
    `approval` demands that another person approves each call first, see `GrantApproval`. `PUT` changes it; an absent
    one stays as it is, and one that is not `required` removes it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    group: str
    mcp: str
    tools: list[str] | None = None
    resources: list[str] | None = None
    prompts: list[str] | None = None
    effect: Effect = "permit"
    delivery: Delivery = "automatic"
    expires_in_seconds: int | None = None
    expires_at: str | None = None
    owner: str | None = None
    allow_unmatched: bool | None = None
    constraints: dict[str, Any] | None = None
    approval: GrantApproval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant; `resources`, `prompts`, `constraints` and `approval` are null without any, see `NewGrant`.

    A grant is for a `group`, or for the `user` whose `request` for access was approved; what it is not is null.
    """

    id: str
    group: str | None
    user: str | None
    request: str | None
    mcp: str
    tools: list[str]
    resources: list[str] | None
    prompts: list[str] | None
    effect: Effect
    delivery: Delivery
    constraints: dict[str, Any] | None
    approval: GrantApprovalView | None
    expires_at: str | None
    owner: str | None
    created_at: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGrant(GrantView):
    """A grant that was added or updated; `warnings` name patterns that match nothing now."""

    warnings: list[str]
