"""Bodies of `/v1/admin/access`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A rule that was looked at; `why` says why one that does not apply stayed silent."""

    kind: str
    id: str
    says: str
    applies: bool
    why: str | None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """Whether a user may call a tool now, the reason, every rule, and what would change it."""

    user: str
    key: str | None
    tool: str
    allowed: bool
    reason: str | None
    remedy: str | None
    rules: list[RuleView]
