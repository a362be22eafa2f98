"""A decision is a value with a reason from a closed list, the same word on screen, in audit and in docs."""

from dataclasses import dataclass
from enum import StrEnum

from ambassador_server.domain.policy.switches import KillSwitch


class Reason(StrEnum):
    """Why a call is denied."""

    POLICY_STALE = "policy_stale"
    KILL_SWITCH = "kill_switch"
    UNKNOWN_USER = "unknown_user"
    USER_NOT_ACTIVE = "user_not_active"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_ACTIVE = "key_not_active"
    KEY_EXPIRED = "key_expired"
    MCP_NOT_PUBLISHED = "mcp_not_published"
    EXPLICIT_DENY = "explicit_deny"
    NO_GRANT = "no_grant"
    NOT_SUBSCRIBED = "not_subscribed"
    NOT_SELECTED = "not_selected"
    UNKNOWN_TOOL = "unknown_tool"


@dataclass(frozen=True, slots=True)
class Permit:
    """Allowed, by this grant."""

    grant_id: str


@dataclass(frozen=True, slots=True)
class Deny:
    """Refused, for this reason; `switch` is set where a kill switch decided, `grant_id` where a deny grant did.

    `disclosed` says that the caller may know the tool exists; otherwise it answers like an unknown one.
    """

    reason: Reason
    switch: KillSwitch | None = None
    grant_id: str | None = None
    disclosed: bool = False


Decision = Permit | Deny
