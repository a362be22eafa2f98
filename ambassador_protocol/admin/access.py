"""Bodies of `/v1/admin/access`."""

from dataclasses import dataclass

from ambassador_protocol.admin.enumerations import ToolClass


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
class PathStepView:
    """One step from a user to a tool: `kind` is user, key, group, grant, mcp or tool; without a `name` there is none.

    `ends` tells that the call is denied here; no step follows.
    """

    kind: str
    name: str | None
    ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """Whether a user may call a tool now: the decision, its reason, the rules evaluated, and what would change it.

    `path` has the steps from the user to the tool, up to the one that denies the call.
    """

    user: str
    key: str | None
    tool: str
    allowed: bool
    reason: str | None
    remedy: str | None
    path: list[PathStepView]
    rules: list[RuleView]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableToolView:
    """A tool that a user may call now: its canonical name, the exact spelling of it, and the keys that permit it."""

    tool: str
    pattern: str
    mcp: str
    published_as: str
    tool_class: ToolClass
    keys: list[str]
