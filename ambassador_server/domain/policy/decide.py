"""Decides whether a principal may use a capability; what no grant permits is denied."""

from collections.abc import Collection, Sequence

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import McpStatus, Pin
from ambassador_server.domain.people.client_keys import KeyStatus, line_of
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.principals import PresentedToken, Principal
from ambassador_server.domain.people.token_claims import SKEW
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.argument_checks import ArgumentCheck, CallParams, refuse_every_argument
from ambassador_server.domain.policy.decision import Decision, Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant, Subscription
from ambassador_server.domain.policy.snapshot import Moment, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope

STALE = Deny(Reason.POLICY_STALE, disclosed=True)
"""The decision about every request while the snapshot is too old to decide by."""
DEFINITION_CHANGED = Deny(Reason.DEFINITION_CHANGED, disclosed=True)
"""The decision about a tool that is granted, but whose definition waits for an approval."""


Params = CallParams | None
"""The parameters of a call of a tool; None asks whether there are arguments with which the tool may be called."""


def decide(
    snapshot: Snapshot,
    principal: Principal,
    capability: CapabilityRef,
    moment: Moment,
    params: Params = None,
) -> Decision:
    """Decide one request from these values alone; raises no error."""
    return PrincipalPolicy(snapshot, principal, moment).decide(capability, params)


class _McpRules(Struct, frozen=True):
    """What the grants for a principal say about an MCP, and the digests that are trusted, None if it is not pinned."""

    published: bool
    digests: Collection[str] | None
    subscription: Subscription | None
    denies: list[tuple[Grant, Deny]]
    permits: list[tuple[Grant, Permit | Deny]]
    constrained: list[tuple[Grant, Permit | Deny, ArgumentCheck]]
    """The permits with constraints, which are asked if no other permits a call."""
    approved: list[tuple[Grant, Permit | Deny, ArgumentCheck | None]]
    """The permits that demand an approval, with constraints or without, which are asked last."""


class PrincipalPolicy:
    """The policy for one principal at one moment; what several capabilities share is computed once."""

    __slots__ = (
        "_group_ids",
        "_key_id",
        "_moment",
        "_rules",
        "_snapshot",
        "_status_denial",
        "_switch",
        "_user_id",
    )

    def __init__(self, snapshot: Snapshot, principal: Principal, moment: Moment) -> None:
        self._snapshot = snapshot
        self._moment = moment
        self._key_id = principal.key_id
        self._user_id = principal.user_id
        # Looked up here without a call, because most principals have a key.
        self._group_ids = (
            snapshot.group_ids_of.get(principal.user_id, ())
            if principal.token is None
            else snapshot.group_ids_for(principal)
        )
        self._switch = self._switch_on_principal(principal)
        self._status_denial = self._deny_by_status(principal)
        self._rules: dict[str, _McpRules] = {}

    @property
    def stopped_by(self) -> KillSwitch | None:
        """Return the kill switch that stops every request of this principal."""
        return self._switch

    @property
    def denial(self) -> Deny | None:
        """Return why every request of this principal is denied, whatever is granted; None if it is not."""
        if self._moment.stale:
            return STALE
        if self._switch is not None:
            return Deny(Reason.KILL_SWITCH, switch=self._switch, disclosed=True)
        return self._status_denial

    def delivery_of(self, mcp_id: str) -> Delivery | None:
        """Return how what is permitted of an MCP is delivered to the principal; None if nothing can be permitted."""
        mcp, rules = self._snapshot.mcps.get(mcp_id), self._rules.get(mcp_id) or self._collect_rules(mcp_id)
        if mcp is None or not rules.published:
            return None
        denied = [grant.named for grant, _ in rules.denies]
        kinds = [
            kind for kind in CapabilityKind if not any(each.include_all(kind, mcp.name) for each in denied)
        ]
        permits = [each[0] for each in rules.permits] + [each[0] for each in rules.constrained]
        permits += [each[0] for each in rules.approved]
        deliveries = {grant.delivery for grant in permits if any(grant.named.of(kind) for kind in kinds)}
        if not deliveries:
            return None
        return Delivery.AUTOMATIC if Delivery.AUTOMATIC in deliveries else Delivery.OPT_IN

    def decide(self, capability: CapabilityRef, params: Params = None) -> Decision:
        """Decide by switches, status of user and key, publication, deny grants, permit grants, choice, definition.

        With `params`, the permit grants have to permit the arguments as well.
        """
        if self._moment.stale:
            return STALE
        rules = self._rules.get(capability.mcp_id) or self._collect_rules(capability.mcp_id)
        switch = self._switch or self._switch_on_capability(capability)
        if switch is not None:
            granted = isinstance(_decide_by_grants(rules, capability), Permit)
            return Deny(Reason.KILL_SWITCH, switch=switch, disclosed=granted)
        if self._status_denial is not None:
            return self._status_denial
        if not rules.published:
            return _NOT_PUBLISHED
        decision = _decide_by_grants(rules, capability, params)
        # Most definitions are approved, and in a long list a call for each would show.
        if rules.digests is None or capability.digest in rules.digests or not isinstance(decision, Permit):
            return decision
        return DEFINITION_CHANGED if _waits_for_approval(rules, capability) else decision

    def waits_for_approval(self, capability: CapabilityRef) -> bool:
        """Tell whether the definition that is offered must not be shown to anybody but administrators."""
        rules = self._rules.get(capability.mcp_id) or self._collect_rules(capability.mcp_id)
        return _waits_for_approval(rules, capability)

    def _approved_digests(self, mcp_id: str) -> Collection[str]:
        approved = self._snapshot.approved.get(mcp_id)
        return () if approved is None else approved.every_digest

    def _switch_on_principal(self, principal: Principal) -> KillSwitch | None:
        if not self._snapshot.switches:
            return None
        targets = [
            (SwitchScope.EVERYONE, None),
            (SwitchScope.USER, principal.user_id),
            *((SwitchScope.GROUP, group_id) for group_id in self._group_ids),
            # The holder of a stolen key may have replaced it before it was stopped.
            *((SwitchScope.KEY, key_id) for key_id in line_of(principal.key_id, self._snapshot.keys)),
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
        found = (self._snapshot.active_switch(scope, target, now) for scope, target in targets)
        return next((switch for switch in found if switch is not None), None)

    def _deny_by_status(self, principal: Principal) -> Deny | None:
        user = self._snapshot.users.get(principal.user_id)
        if user is None:
            return Deny(Reason.UNKNOWN_USER, disclosed=True)
        if user.status is not UserStatus.ACTIVE:
            return Deny(Reason.USER_NOT_ACTIVE, disclosed=True)
        if principal.token is not None:
            return self._deny_by_token(principal.token)
        key = self._snapshot.keys.get(principal.key_id)
        if key is None or key.user_id != principal.user_id:
            return Deny(Reason.UNKNOWN_KEY, disclosed=True)
        if key.status is not KeyStatus.ACTIVE:
            return Deny(Reason.KEY_NOT_ACTIVE, disclosed=True)
        if key.has_expired(self._moment.now):
            return Deny(Reason.KEY_EXPIRED, disclosed=True)
        return None

    def _deny_by_token(self, token: PresentedToken) -> Deny | None:
        issuers = self._snapshot.issuers
        issuer = None if issuers is None else issuers.by_id.get(token.issuer_id)
        if issuer is None:
            return Deny(Reason.UNKNOWN_ISSUER, disclosed=True)
        if token.assertion_client is not None and token.assertion_client not in issuer.assertion_clients:
            return Deny(Reason.UNKNOWN_ISSUER, disclosed=True)
        if token.serial is not None and token.serial in issuer.revoked:
            return Deny(Reason.CERTIFICATE_REVOKED, disclosed=True)
        if token.expires_at + SKEW <= self._moment.now:
            return Deny(Reason.TOKEN_EXPIRED, disclosed=True)
        if token.lease is not None and token.lease.until <= self._moment.now:
            return Deny(Reason.TOKEN_INACTIVE, disclosed=True)
        return None

    def _collect_rules(self, mcp_id: str) -> _McpRules:
        """Return the rules about one MCP: of a suspended group, the deny grants apply and the permit grants do not."""
        mcp = self._snapshot.mcps.get(mcp_id)
        subscription = self._snapshot.subscriptions.get((self._key_id, mcp_id))
        rules = _McpRules(
            mcp is not None and mcp.status is McpStatus.PUBLISHED,
            None if mcp is None or mcp.pin is not Pin.BLOCK else self._approved_digests(mcp_id),
            subscription,
            [],
            [],
            [],
            [],
        )
        by_subject, user_id = self._snapshot.grants.get(mcp_id, {}), self._user_id
        for subject_id in (*self._group_ids, user_id) if user_id in by_subject else self._group_ids:
            group = self._snapshot.groups.get(subject_id)
            active = subject_id == user_id if group is None else group.status is GroupStatus.ACTIVE
            for grant in by_subject.get(subject_id, ()):
                if grant.expires_at is not None and grant.expires_at <= self._moment.now:
                    continue
                if grant.effect is Effect.DENY:
                    rules.denies.append((grant, Deny(Reason.EXPLICIT_DENY, grant_id=grant.grant_id)))
                elif active:
                    self._add_permit(rules, grant)
        self._rules[mcp_id] = rules
        return rules

    def _add_permit(self, rules: _McpRules, grant: Grant) -> None:
        unsubscribed = grant.delivery is Delivery.OPT_IN and rules.subscription is None
        constrained = grant.constraints is not None
        check = self._snapshot.checks.get(grant.grant_id, refuse_every_argument) if constrained else None
        decision = (
            _not_subscribed(grant) if unsubscribed else Permit(grant.grant_id, constrained, grant.approval)
        )
        if grant.approval_seconds is not None:
            rules.approved.append((grant, decision, check))
        elif check is not None:
            rules.constrained.append((grant, decision, check))
        else:
            rules.permits.append((grant, decision))


_NOT_PUBLISHED = Deny(Reason.MCP_NOT_PUBLISHED)
_NO_GRANT = Deny(Reason.NO_GRANT)
_NOT_SELECTED = Deny(Reason.NOT_SELECTED, disclosed=True)


def _not_subscribed(grant: Grant) -> Deny:
    return Deny(Reason.NOT_SUBSCRIBED, grant_id=grant.grant_id, disclosed=True)


def _waits_for_approval(rules: _McpRules, capability: CapabilityRef) -> bool:
    digests = rules.digests
    return digests is not None and capability.digest not in digests and capability.kind is CapabilityKind.TOOL


def _decide_by_grants(rules: _McpRules, capability: CapabilityRef, params: Params = None) -> Decision:
    """Decide by deny grants, then permit grants, then what the client has selected."""
    for grant, deny in rules.denies:
        if grant.covers(capability):
            return deny
    granted = _decide_by_permits(rules, capability, params)
    if isinstance(granted, Permit) and rules.subscription is not None:
        return granted if rules.subscription.selects(capability) else _NOT_SELECTED
    return granted


def _decide_by_permits(rules: _McpRules, capability: CapabilityRef, params: Params) -> Decision:
    found: Decision = _NO_GRANT
    for grant, decision in rules.permits:
        if grant.covers(capability):
            if isinstance(decision, Permit):
                return decision
            found = decision
    if rules.constrained:
        found = _decide_by_arguments(rules.constrained, capability, params, found)
    if rules.approved and not isinstance(found, Permit):
        found = _decide_by_arguments(rules.approved, capability, params, found)
    return found


def _decide_by_arguments(
    permits: Sequence[tuple[Grant, Permit | Deny, ArgumentCheck | None]],
    capability: CapabilityRef,
    params: Params,
    otherwise: Decision,
) -> Decision:
    """Decide by permits that may have constraints; a refused argument says more than `otherwise`."""
    refused: Deny | None = None
    for grant, decision, check in permits:
        if not grant.covers(capability):
            continue
        if isinstance(decision, Deny):
            otherwise = decision
        elif capability.kind is not CapabilityKind.TOOL:
            return Permit(grant.grant_id, approval=decision.approval)
        elif params is None or check is None or (argument := params.refused_by(check)) is None:
            return decision
        else:
            refused = refused or Deny(
                Reason.ARGUMENT_NOT_ALLOWED, grant_id=grant.grant_id, disclosed=True, refused=argument
            )
    return refused or otherwise
