"""Explains a decision: the rule that decided, every rule that was looked at, and what would change it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Decision, Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant, Subscription
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch

_REMEDIES: dict[Reason, str] = {
    Reason.POLICY_STALE: "Wait until the server reaches its database again; see /ready.",
    Reason.KILL_SWITCH: "Lift the kill switch: ambassador-admin kill lift {id}",
    Reason.UNKNOWN_USER: "Create the user: ambassador-admin user create {user}",
    Reason.USER_NOT_ACTIVE: "Activate the user: ambassador-admin user activate {user}",
    Reason.UNKNOWN_KEY: "Issue a key: ambassador-admin key issue {user} --name NAME",
    Reason.KEY_NOT_ACTIVE: "Activate the key: ambassador-admin key activate {key}, or issue another if it is revoked",
    Reason.KEY_EXPIRED: "Issue another key: ambassador-admin key issue {user} --name NAME",
    Reason.MCP_NOT_PUBLISHED: "Publish the MCP: ambassador-admin mcp publish {mcp}",
    Reason.EXPLICIT_DENY: "Remove the grant that denies: ambassador-admin grant remove {id}",
    Reason.NO_GRANT: "Permit it: ambassador-admin grant add GROUP {mcp} --tool {tool}, for a group of the user",
    Reason.NOT_SUBSCRIBED: "Subscribe the client: ambassador-admin subscription set {key} {mcp}",
    Reason.NOT_SELECTED: "Select the tool: ambassador-admin subscription set {key} {mcp} --tool {tool}{selected}",
    Reason.UNKNOWN_TOOL: "Look at what is published: ambassador-admin mcp list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule that was looked at: `applies` says whether it speaks about this call at this moment, `why` why not."""

    kind: str
    id: str
    says: str
    applies: bool
    why: str | None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision and its reasons; `remedy` is None for what is permitted already."""

    decision: Decision
    rules: tuple[Rule, ...]
    remedy: str | None


def explain(snapshot: Snapshot, principal: Principal, tool: CapabilityRef, moment: Moment) -> Explanation:
    """Explain what `decide` says of this call; the decision comes from `decide` itself."""
    decision = decide(snapshot, principal, tool, moment)
    rules = (
        *_switch_rules(snapshot, decision, moment.now),
        *_grant_rules(snapshot, principal, tool, decision, moment.now),
        *_subscription_rules(snapshot, principal, tool, decision),
    )
    return Explanation(decision=decision, rules=rules, remedy=_remedy(snapshot, principal, tool, decision))


def _switch_rules(snapshot: Snapshot, decision: Decision, now: datetime) -> Iterator[Rule]:
    deciding = decision.switch if isinstance(decision, Deny) else None
    for switches in snapshot.switches.values():
        for switch in switches:
            yield Rule(
                kind="kill switch",
                id=switch.switch_id,
                says=f"stop {_subject(switch)}: {switch.reason}",
                applies=switch is deciding,
                why=_why_not(switch, deciding, now),
                decides=switch is deciding,
            )


def _why_not(switch: KillSwitch, deciding: KillSwitch | None, now: datetime) -> str | None:
    if switch is deciding:
        return None
    if not switch.is_active(now):
        return "expired"
    return "another switch decides" if deciding is not None else "stops something else"


def _grant_rules(
    snapshot: Snapshot, principal: Principal, tool: CapabilityRef, decision: Decision, now: datetime
) -> Iterator[Rule]:
    deciding = decision.grant_id
    group_ids = snapshot.group_ids_of.get(principal.user_id, ())
    for (group_id, mcp_id), grants in snapshot.grants.items():
        if mcp_id != tool.mcp_id:
            continue
        for grant in grants:
            why = _why_grant_is_silent(snapshot, grant, tool, group_id in group_ids, now)
            yield Rule(
                kind="grant",
                id=grant.grant_id,
                says=_grant_says(snapshot, grant),
                applies=why is None,
                why=why,
                decides=grant.grant_id == deciding,
            )


def _subscription_rules(
    snapshot: Snapshot, principal: Principal, tool: CapabilityRef, decision: Decision
) -> Iterator[Rule]:
    choice = snapshot.subscriptions.get((principal.key_id, tool.mcp_id))
    if choice is not None:
        yield Rule(
            kind="subscription",
            id=choice.subscription_id,
            says=f"key {principal.key_name} selects {', '.join(choice.patterns) or 'nothing'}",
            applies=True,
            why=None,
            decides=isinstance(decision, Deny) and decision.reason is Reason.NOT_SELECTED,
        )


def _why_grant_is_silent(
    snapshot: Snapshot, grant: Grant, tool: CapabilityRef, is_member: bool, now: datetime
) -> str | None:
    group = snapshot.groups.get(grant.group_id)
    if not is_member:
        return "the user is not in the group"
    if grant.effect is Effect.PERMIT and (group is None or group.status is not GroupStatus.ACTIVE):
        return "the group is suspended"
    if grant.expires_at is not None and grant.expires_at <= now:
        return "it has expired"
    if not grant.covers(tool):
        return "no pattern matches the tool"
    return None


def _remedy(snapshot: Snapshot, principal: Principal, tool: CapabilityRef, decision: Decision) -> str | None:
    match decision:
        case Permit():
            return None
        case Deny(reason, switch, grant_id):
            mcp_name, _, tool_name = tool.name.partition(".")
            mcp = snapshot.mcps.get(tool.mcp_id)
            return _REMEDIES[reason].format(
                id=grant_id if switch is None else switch.switch_id,
                user=principal.user_name,
                mcp=mcp_name if mcp is None else mcp.name,
                tool=tool_name,
                key=principal.key_id,
                selected=_selected(snapshot.subscriptions.get((principal.key_id, tool.mcp_id))),
            )


def _selected(choice: Subscription | None) -> str:
    """Return the options that keep what a client has selected already."""
    return "" if choice is None else "".join(f" --tool {quote(pattern)}" for pattern in choice.patterns)


def _subject(switch: KillSwitch) -> str:
    target = switch.target_name or switch.target
    return "everyone" if target is None else f"{switch.scope.value.replace('_', ' ')} {target}"


def _grant_says(snapshot: Snapshot, grant: Grant) -> str:
    opting_in = " to clients that subscribe" if grant.delivery is Delivery.OPT_IN else ""
    group = _group_name(snapshot, grant.group_id)
    return f"{grant.effect} {', '.join(grant.patterns)} to group {group}{opting_in}"


def _group_name(snapshot: Snapshot, group_id: str) -> str:
    group = snapshot.groups.get(group_id)
    return group_id if group is None else group.name
