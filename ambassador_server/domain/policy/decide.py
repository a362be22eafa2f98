"""Decides one request of a principal about one capability. Nothing matched is a denial."""

from dataclasses import dataclass

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decision import Decision, Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant, Subscription
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope


def decide(snapshot: Snapshot, principal: Principal, capability: CapabilityRef, moment: Moment) -> Decision:
    """Decide one request. Raises nothing, reads nothing else."""
    return PrincipalPolicy(snapshot, principal, moment).decide(capability)


@dataclass(frozen=True, slots=True)
class _McpRules:
    """What the principal's groups say about one MCP."""

    published: bool
    subscription: Subscription | None
    denies: list[tuple[Grant, Deny]]
    permits: list[tuple[Grant, Permit | Deny]]


class PrincipalPolicy:
    """The policy as one principal meets it at one moment; what many tools share is worked out once."""

    __slots__ = ("_blocking", "_group_ids", "_key_id", "_moment", "_refusal", "_rules", "_snapshot")

    def __init__(self, snapshot: Snapshot, principal: Principal, moment: Moment) -> None:
        self._snapshot = snapshot
        self._moment = moment
        self._key_id = principal.key_id
        self._group_ids = snapshot.group_ids_of.get(principal.user_id, ())
        self._blocking = self._switch_on_principal(principal)
        self._refusal = self._refused_by_status(principal)
        self._rules: dict[str, _McpRules] = {}

    @property
    def stopped_by(self) -> KillSwitch | None:
        """Return the kill switch that stops everything this principal does."""
        return self._blocking

    @property
    def refused(self) -> Deny | None:
        """Return why this principal may call nothing at all, whatever is granted."""
        if self._blocking is not None:
            return Deny(Reason.KILL_SWITCH, switch=self._blocking, disclosed=True)
        return self._refusal

    def delivery_of(self, mcp_id: str) -> Delivery | None:
        """Return how something of a published MCP is permitted; None where nothing is, or everything is denied."""
        mcp, rules = self._snapshot.mcps.get(mcp_id), self._rules.get(mcp_id) or self._rules_for(mcp_id)
        if mcp is None or not rules.published or not rules.permits:
            return None
        if any(grant.covers_all_tools_of(mcp.name) for grant, _ in rules.denies):
            return None
        automatic = any(grant.delivery is Delivery.AUTOMATIC for grant, _ in rules.permits)
        return Delivery.AUTOMATIC if automatic else Delivery.OPT_IN

    def decide(self, capability: CapabilityRef) -> Decision:
        """Decide by switches, status of user and key, publication, deny grants, permit grants, the client's choice."""
        if self._moment.stale:
            return Deny(Reason.POLICY_STALE, disclosed=True)
        rules = self._rules.get(capability.mcp_id) or self._rules_for(capability.mcp_id)
        switch = self._blocking or self._switch_on_capability(capability)
        if switch is not None:
            granted = isinstance(_by_grants(rules, capability), Permit)
            return Deny(Reason.KILL_SWITCH, switch=switch, disclosed=granted)
        if self._refusal is not None:
            return self._refusal
        if not rules.published:
            return _NOT_PUBLISHED
        return _by_grants(rules, capability)

    def _switch_on_principal(self, principal: Principal) -> KillSwitch | None:
        if not self._snapshot.switches:
            return None
        targets = [
            (SwitchScope.EVERYONE, None),
            (SwitchScope.USER, principal.user_id),
            *((SwitchScope.GROUP, group_id) for group_id in self._group_ids),
            (SwitchScope.KEY, principal.key_id),
            (SwitchScope.SESSION, principal.session_id),
        ]
        return self._first_switch(targets)

    def _switch_on_capability(self, capability: CapabilityRef) -> KillSwitch | None:
        if not self._snapshot.switches:
            return None
        targets: list[tuple[SwitchScope, str | None]] = [(SwitchScope.MCP, capability.mcp_id)]
        if capability.kind is CapabilityKind.TOOL:
            targets.append((SwitchScope.TOOL, capability.name))
        if capability.tool_class is not None:
            targets.append((SwitchScope.TOOL_CLASS, capability.tool_class.value))
        return self._first_switch(targets)

    def _first_switch(self, targets: list[tuple[SwitchScope, str | None]]) -> KillSwitch | None:
        now = self._moment.now
        found = (self._snapshot.switch_on(scope, target, now) for scope, target in targets)
        return next((switch for switch in found if switch is not None), None)

    def _refused_by_status(self, principal: Principal) -> Deny | None:
        user = self._snapshot.users.get(principal.user_id)
        if user is None:
            return Deny(Reason.UNKNOWN_USER, disclosed=True)
        if user.status is not UserStatus.ACTIVE:
            return Deny(Reason.USER_NOT_ACTIVE, disclosed=True)
        key = self._snapshot.keys.get(principal.key_id)
        if key is None or key.user_id != principal.user_id:
            return Deny(Reason.UNKNOWN_KEY, disclosed=True)
        if key.status is not KeyStatus.ACTIVE:
            return Deny(Reason.KEY_NOT_ACTIVE, disclosed=True)
        if key.has_expired(self._moment.now):
            return Deny(Reason.KEY_EXPIRED, disclosed=True)
        return None

    def _rules_for(self, mcp_id: str) -> _McpRules:
        """Gather the grants in force; a suspended group permits nothing, but what it denies stays denied."""
        mcp = self._snapshot.mcps.get(mcp_id)
        subscription = self._snapshot.subscriptions.get((self._key_id, mcp_id))
        rules = _McpRules(mcp is not None and mcp.status is McpStatus.PUBLISHED, subscription, [], [])
        for group_id in self._group_ids:
            group = self._snapshot.groups.get(group_id)
            active = group is not None and group.status is GroupStatus.ACTIVE
            for grant in self._snapshot.grants.get((group_id, mcp_id), ()):
                if grant.expires_at is not None and grant.expires_at <= self._moment.now:
                    continue
                if grant.effect is Effect.DENY:
                    rules.denies.append((grant, Deny(Reason.EXPLICIT_DENY, grant_id=grant.grant_id)))
                elif active:
                    waits = grant.delivery is Delivery.OPT_IN and subscription is None
                    rules.permits.append((grant, _not_subscribed(grant) if waits else Permit(grant.grant_id)))
        self._rules[mcp_id] = rules
        return rules


_NOT_PUBLISHED = Deny(Reason.MCP_NOT_PUBLISHED)
_NO_GRANT = Deny(Reason.NO_GRANT)
_NOT_SELECTED = Deny(Reason.NOT_SELECTED, disclosed=True)


def _not_subscribed(grant: Grant) -> Deny:
    return Deny(Reason.NOT_SUBSCRIBED, grant_id=grant.grant_id, disclosed=True)


def _by_grants(rules: _McpRules, capability: CapabilityRef) -> Decision:
    for grant, deny in rules.denies:
        if grant.covers(capability):
            return deny
    granted = _by_permits(rules, capability)
    if isinstance(granted, Permit) and rules.subscription is not None:
        return granted if rules.subscription.selects(capability) else _NOT_SELECTED
    return granted


def _by_permits(rules: _McpRules, capability: CapabilityRef) -> Decision:
    found: Decision = _NO_GRANT
    for grant, decision in rules.permits:
        if grant.covers(capability):
            if isinstance(decision, Permit):
                return decision
            found = decision
    return found
