"""How an explained decision reads: what each rule says, why it does not apply, and what would change the decision."""

from collections.abc import Mapping
from shlex import quote

from ambassador_server.domain.policy.decision import UNKNOWN, Permit, Reason
from ambassador_server.domain.policy.explain import Explanation, NotApplicable
from ambassador_server.domain.policy.grants import Delivery, Grant, Subscription
from ambassador_server.domain.policy.switches import KillSwitch

WHY_NOT: Mapping[NotApplicable, str] = {
    NotApplicable.SWITCH_EXPIRED: "expired",
    NotApplicable.SWITCH_STOPS_SOMETHING_ELSE: "stops something else",
    NotApplicable.ANOTHER_SWITCH_DECIDES: "another switch decides",
    NotApplicable.USER_NOT_IN_GROUP: "the user is not in the group",
    NotApplicable.GROUP_SUSPENDED: "the group is suspended",
    NotApplicable.GRANT_EXPIRED: "it has expired",
    NotApplicable.NO_PATTERN_MATCHES: "no pattern matches the tool",
}

_REMEDIES: Mapping[Reason, str] = {
    Reason.POLICY_STALE: "Wait until the server reaches its database again; see /ready.",
    Reason.KILL_SWITCH: "Lift the kill switch: ambassador-admin kill lift {rule_id}",
    Reason.UNKNOWN_USER: "Create the user: ambassador-admin user create {user}",
    Reason.USER_NOT_ACTIVE: "Activate the user: ambassador-admin user activate {user}",
    Reason.UNKNOWN_KEY: "Issue a key: ambassador-admin key issue {user} --name NAME",
    Reason.KEY_NOT_ACTIVE: "Activate the key: ambassador-admin key activate {key}, or issue another if it is revoked",
    Reason.KEY_EXPIRED: "Issue another key: ambassador-admin key issue {user} --name NAME",
    Reason.SESSION_ENDED: "Let the client register again; a restart of its application does.",
    Reason.MCP_NOT_PUBLISHED: "Publish the MCP: ambassador-admin mcp publish {mcp}",
    Reason.EXPLICIT_DENY: "Remove the grant that denies: ambassador-admin grant remove {rule_id}",
    Reason.NO_GRANT: "Permit it: ambassador-admin grant add GROUP {mcp} --tool {tool}, for a group of the user",
    Reason.NOT_SUBSCRIBED: "Subscribe the client: ambassador-admin subscription set {key} {mcp}",
    Reason.NOT_SELECTED: "Select the tool: ambassador-admin subscription set {key} {mcp} --tool {tool}{selected}",
    Reason.DEFINITION_CHANGED: "Look at it: ambassador-admin mcp tools {mcp} --diff; then approve it: ambassador-admin "
    "mcp approve {mcp} {tool}",
    **dict.fromkeys(UNKNOWN.values(), "Look at what is published: ambassador-admin mcp list"),
}


def switch_text(switch: KillSwitch) -> str:
    """Return what a kill switch stops, and its reason."""
    target = switch.target_name or switch.target
    stopped = "everyone" if target is None else f"{switch.scope.value.replace('_', ' ')} {target}"
    return f"stop {stopped}: {switch.reason}"


def grant_text(grant: Grant, group_name: str) -> str:
    """Return what a grant permits or denies."""
    opting_in = " to clients that subscribe" if grant.delivery is Delivery.OPT_IN else ""
    return f"{grant.effect} {', '.join(grant.patterns)} to group {group_name}{opting_in}"


def subscription_text(subscription: Subscription, key_name: str) -> str:
    """Return what a client has selected."""
    return f"key {key_name} selects {', '.join(subscription.patterns) or 'nothing'}"


def remedy_text(explanation: Explanation, *, user_name: str, key_id: str, tool_name: str) -> str | None:
    """Return what an administrator can do so that the call is permitted; None if it is permitted already."""
    deny = explanation.decision
    if isinstance(deny, Permit):
        return None
    mcp, _, tool = tool_name.partition(".")
    return _REMEDIES[deny.reason].format(
        rule_id=deny.grant_id if deny.switch is None else deny.switch.switch_id,
        user=user_name,
        mcp=mcp,
        tool=tool,
        key=key_id,
        selected=_options_of_selection(explanation),
    )


def _options_of_selection(explanation: Explanation) -> str:
    """Return the options of the command that keep what the client has selected already."""
    chosen = [each.rule for each in explanation.rules if isinstance(each.rule, Subscription)]
    return "".join(f" --tool {quote(pattern)}" for each in chosen for pattern in each.patterns)
