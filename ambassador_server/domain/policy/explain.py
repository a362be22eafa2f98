"""Explains a decision: every rule about the call, why a rule does not apply, and which rule decides."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.argument_checks import refuse_every_argument
from ambassador_server.domain.policy.decide import Params, decide
from ambassador_server.domain.policy.decision import Decision, Deny, Reason
from ambassador_server.domain.policy.grants import Effect, Grant, Subscription
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch


class NotApplicable(StrEnum):
    """Why a rule does not apply to a call."""

    SWITCH_EXPIRED = "switch_expired"
    SWITCH_STOPS_SOMETHING_ELSE = "switch_stops_something_else"
    ANOTHER_SWITCH_DECIDES = "another_switch_decides"
    USER_NOT_IN_GROUP = "user_not_in_group"
    GROUP_SUSPENDED = "group_suspended"
    GRANT_EXPIRED = "grant_expired"
    NO_PATTERN_MATCHES = "no_pattern_matches"
    ARGUMENTS_NOT_PERMITTED = "arguments_not_permitted"
    ANOTHER_LIMIT_APPLIES = "another_limit_applies"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredRule:
    """A rule, why it does not apply to the call (None if it applies), and whether it decides the call."""

    rule: KillSwitch | Grant | Subscription | Limit
    not_applicable: NotApplicable | None = None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision and every rule that was considered."""

    decision: Decision
    rules: tuple[ConsideredRule, ...]


def explain(
    snapshot: Snapshot,
    principal: Principal,
    capability: CapabilityRef,
    moment: Moment,
    params: Params = None,
) -> Explanation:
    """Explain the decision about this call, which is the one that `decide` returns."""
    decision = decide(snapshot, principal, capability, moment, params)
    rules = (
        *_switches(snapshot, decision, moment.now),
        *_grants(snapshot, principal, capability, decision, moment.now, params),
        *_subscriptions(snapshot, principal, capability, decision),
        *_limits(snapshot, principal, capability),
    )
    return Explanation(decision=decision, rules=rules)


def _switches(snapshot: Snapshot, decision: Decision, now: datetime) -> Iterator[ConsideredRule]:
    deciding = decision.switch if isinstance(decision, Deny) else None
    for switches in snapshot.switches.values():
        for switch in switches:
            yield ConsideredRule(
                rule=switch,
                not_applicable=_switch_not_applicable(switch, deciding, now),
                decides=switch is deciding,
            )


def _switch_not_applicable(
    switch: KillSwitch, deciding: KillSwitch | None, now: datetime
) -> NotApplicable | None:
    if switch is deciding:
        return None
    if not switch.is_active(now):
        return NotApplicable.SWITCH_EXPIRED
    if deciding is not None:
        return NotApplicable.ANOTHER_SWITCH_DECIDES
    return NotApplicable.SWITCH_STOPS_SOMETHING_ELSE


def _grants(
    snapshot: Snapshot,
    principal: Principal,
    capability: CapabilityRef,
    decision: Decision,
    now: datetime,
    params: Params,
) -> Iterator[ConsideredRule]:
    group_ids = snapshot.group_ids_for(principal)
    for subject_id, grants in snapshot.grants.get(capability.mcp_id, {}).items():
        for grant in grants:
            if grant.user_id is not None and grant.user_id != principal.user_id:
                continue
            not_applicable = _grant_not_applicable(snapshot, grant, capability, subject_id in group_ids, now)
            if not_applicable is None and not _permits_arguments(snapshot, grant, capability, params):
                not_applicable = NotApplicable.ARGUMENTS_NOT_PERMITTED
            yield ConsideredRule(
                rule=grant,
                not_applicable=not_applicable,
                decides=grant.grant_id == decision.grant_id,
            )


def _grant_not_applicable(
    snapshot: Snapshot, grant: Grant, capability: CapabilityRef, is_member: bool, now: datetime
) -> NotApplicable | None:
    if grant.group_id is not None:
        group = snapshot.groups.get(grant.group_id)
        if not is_member:
            return NotApplicable.USER_NOT_IN_GROUP
        if grant.effect is Effect.PERMIT and (group is None or group.status is not GroupStatus.ACTIVE):
            return NotApplicable.GROUP_SUSPENDED
    if not grant.covers(capability):
        return NotApplicable.NO_PATTERN_MATCHES
    return NotApplicable.GRANT_EXPIRED if grant.has_expired(now) else None


def last_expired_permit(
    snapshot: Snapshot, user_id: str, capabilities: Iterable[CapabilityRef], now: datetime
) -> Grant | None:
    """Return, of the permits of a user for one of these that have expired, the one that expired last."""
    subject_ids = (*snapshot.group_ids_of.get(user_id, ()), user_id)
    found = {
        grant.grant_id: (grant.expires_at, grant.grant_id)
        for capability in capabilities
        for subject_id in subject_ids
        for grant in snapshot.grants.get(capability.mcp_id, {}).get(subject_id, ())
        if grant.expires_at is not None
        and grant.has_expired(now)
        and grant.effect is Effect.PERMIT
        and grant.covers(capability)
    }
    return snapshot.grants_by_id[max(found.values())[1]] if found else None


def _permits_arguments(snapshot: Snapshot, grant: Grant, capability: CapabilityRef, params: Params) -> bool:
    if params is None or grant.constraints is None or capability.kind is not CapabilityKind.TOOL:
        return True
    return params.refused_by(snapshot.checks.get(grant.grant_id, refuse_every_argument)) is None


def _subscriptions(
    snapshot: Snapshot, principal: Principal, capability: CapabilityRef, decision: Decision
) -> Iterator[ConsideredRule]:
    subscription = snapshot.subscriptions.get((principal.key_id, capability.mcp_id))
    if subscription is not None:
        decides = isinstance(decision, Deny) and decision.reason is Reason.NOT_SELECTED
        yield ConsideredRule(rule=subscription, decides=decides)


def _limits(snapshot: Snapshot, principal: Principal, capability: CapabilityRef) -> Iterator[ConsideredRule]:
    """Yield the limits of a call that is permitted; how much of them is used depends on the server that counts."""
    if snapshot.limits is None:
        return
    group_ids = snapshot.group_ids_for(principal)
    for limit, applies in snapshot.limits.considered(principal, capability, group_ids, snapshot.keys):
        yield ConsideredRule(
            rule=limit,
            not_applicable=None if applies else NotApplicable.ANOTHER_LIMIT_APPLIES,
            decides=False,
        )
