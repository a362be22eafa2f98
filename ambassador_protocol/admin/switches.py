"""Bodies of `/v1/admin/kill-switches`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import SwitchScope
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwitch:
    """`POST /v1/admin/kill-switches`: activates one; `target` is a name or id, absent for scope `everyone`.

    A tool must be known, unless `allow_unmatched` is true or its MCP has never been connected.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    scope: SwitchScope
    reason: str
    target: str | None = None
    message: str | None = None
    expires_in_seconds: int | None = None
    drill: bool = False
    allow_unmatched: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """A kill switch; one with `drill` is recorded and stops nothing."""

    id: str
    scope: SwitchScope
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
class Hits:
    """The number of objects affected and the first 100 names, sorted."""

    count: int
    first: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactView:
    """What a kill switch stops, or would stop if it were in force.

    `users` lose at least one capability, and at least one user loses each of `tools`, `resources` (URIs) and `prompts`.
    `sessions` counts the sessions that are stopped entirely, `calls` those in flight on the answering server, or at
    activation those that were cancelled. `token_clients` counts the clients with access tokens, as the answering server
    has seen them, that are stopped entirely.
    """

    users: Hits
    mcps: Hits
    tools: Hits
    resources: Hits
    prompts: Hits
    sessions: int
    token_clients: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchDetail(SwitchView):
    """One kill switch with its impact, None when the impact could not be computed.

    `warnings` are those of its activation.
    """

    impact: ImpactView | None
    warnings: list[str] = field(default_factory=list)
