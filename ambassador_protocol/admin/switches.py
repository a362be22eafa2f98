"""Bodies of `/v1/admin/kill-switches`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import SwitchScope
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSwitch:
    """`POST /v1/admin/kill-switches`: `target` is a natural name, absent for scope `everyone`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    scope: SwitchScope
    reason: str
    target: str | None = None
    message: str | None = None
    expires_in_seconds: int | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """A kill switch; `drill` switches are recorded but stop nothing."""

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
    """How many are hit, and the first of their names in order, at most 100."""

    count: int
    first: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactView:
    """Who and what a switch stops, or would stop if it were in force.

    `users` lose at least one tool, `tools` are lost by at least one user, `sessions` are stopped as a whole, `calls`
    are those in flight on the server that answers; at activation, those that were.
    """

    users: Hits
    mcps: Hits
    tools: Hits
    sessions: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchDetail(SwitchView):
    """One kill switch with its impact, which is None when it could not be worked out."""

    impact: ImpactView | None
