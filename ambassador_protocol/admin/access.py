"""Bodies of `/v1/admin/access`."""

from dataclasses import dataclass

from ambassador_protocol.admin.enumerations import ToolClass
from ambassador_protocol.admin.grants import GrantApprovalView
from ambassador_protocol.admin.issuers import ClaimedGroup
from ambassador_protocol.admin.users import UserView


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
    """One step from a user to a tool, a resource or a prompt; without a `name` there is none.

    `kind` is user, key, issuer (in place of the key of a request with a token), group, grant, mcp, or that of what is
    asked about.

    `ends` tells that the call is denied here; no step follows.
    """

    kind: str
    name: str | None
    ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    """Whether a user may use something now: the decision, its reason, the rules evaluated, and what would change it.

    One of `tool`, `resource` (the MCP's own URI) and `prompt` is set. `path` has the steps from the user to it, up to
    the one that denies the request. `constrained` tells that it is allowed with certain arguments only, which the rules
    say; it is false if the request had arguments. `approval` is set if another person has to approve the request first.
    With an `issuer` it is about a request with a token of it, and `claimed_groups` are those that the token names.
    """

    user: str
    key: str | None
    issuer: str | None
    claimed_groups: list[ClaimedGroup]
    tool: str | None
    resource: str | None
    prompt: str | None
    allowed: bool
    constrained: bool
    approval: GrantApprovalView | None
    reason: str | None
    remedy: str | None
    path: list[PathStepView]
    rules: list[RuleView]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableToolView:
    """A tool that a user may call now: its canonical name, the exact spelling of it, and the keys that permit it.

    `constrained` tells that all of them permit it with certain arguments only.
    """

    tool: str
    pattern: str
    mcp: str
    published_as: str
    tool_class: ToolClass
    constrained: bool
    keys: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableResourceView:
    """A resource, or a template of resources, that a user may read now, and the keys that permit it.

    `uri` is the MCP's own, `pattern` the exact spelling of it for grants, `published_as` that by which it is read.
    """

    uri: str
    pattern: str
    mcp: str
    published_as: str
    keys: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsablePromptView:
    """A prompt that a user may get now, and the keys that permit it; otherwise as a tool."""

    prompt: str
    pattern: str
    mcp: str
    published_as: str
    keys: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedUserView(UserView):
    """A user who may use something now; `constrained` tells that it is so with certain arguments only.

    `issuers` are those with whose tokens the user may, even if they name no group. With `expired_grant`, the id of the
    grant that expired last, it is a user who may not any more.
    """

    constrained: bool
    issuers: list[str]
    expired_grant: str | None
    expired_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachingClaimView:
    """A group of an issuer with which a token may use something now, and the group of this server that it means.

    `constrained` tells that it is so with certain arguments only.
    """

    issuer: str
    claimed: str
    group: str
    constrained: bool
