"""Bodies of `/v1/admin/access`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule that was evaluated; `why` is the reason why a rule does not apply, None for one that does."""

    kind: str
    id: str
    says: str
    applies: bool
    why: str | None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """Whether a user may call a tool now: the decision, its reason, the rules evaluated, and what would change it."""

    user: str
    key: str | None
    tool: str
    allowed: bool
    reason: str | None
    remedy: str | None
    rules: list[RuleView]
