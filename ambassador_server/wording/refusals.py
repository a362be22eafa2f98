"""What a user is told when a call is denied."""

from collections.abc import Mapping

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import UNKNOWN, Deny, Reason

_DISCLOSED: Mapping[Reason, str] = {
    Reason.POLICY_STALE: "the server cannot confirm its policy (policy_stale). Try again in a moment.",
    Reason.UNKNOWN_USER: "the user of this key no longer exists (unknown_user).",
    Reason.USER_NOT_ACTIVE: "your user is not active (user_not_active). Ask your administrator.",
    Reason.UNKNOWN_KEY: "this key no longer exists (unknown_key). Ask your administrator for a new one.",
    Reason.KEY_NOT_ACTIVE: "this key is suspended or revoked (key_not_active). Ask your administrator.",
    Reason.NOT_SUBSCRIBED: "this client has not subscribed to its MCP (not_subscribed).",
    Reason.NOT_SELECTED: "this client has not selected it (not_selected).",
    Reason.DEFINITION_CHANGED: "its definition waits for an approval (definition_changed). Ask your administrator.",
    Reason.KEY_EXPIRED: "this key has expired (key_expired). Ask your administrator for a new one.",
    Reason.SESSION_ENDED: "its session was ended (session_ended).",
}
"""The reasons that a user may learn, except a kill switch, which has a text of its own."""


def told_reason(deny: Deny, kind: CapabilityKind) -> Reason:
    """Return the reason that the user may learn of the denial of a tool, a resource or a prompt."""
    return deny.reason if deny.disclosed else UNKNOWN[kind]


def refusal_text(deny: Deny, name: str, kind: CapabilityKind = CapabilityKind.TOOL) -> str:
    """Return what the user is told; what the user may not know of looks like something that does not exist."""
    if not deny.disclosed:
        return f"Unknown {kind.value}: {name}"
    if deny.switch is not None:
        return f"{name} is stopped by an administrator: {deny.switch.text_for_users}"
    return f"{name} is refused: {_DISCLOSED[deny.reason]}"
