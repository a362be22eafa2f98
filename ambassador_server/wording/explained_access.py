"""How an explained decision reads: what each rule says, why it does not apply, and what would change the decision."""

from collections.abc import Mapping
from shlex import quote

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.domain.policy.decision import UNKNOWN, Permit, Reason
from ambassador_server.domain.policy.explain import Explanation, NotApplicable
from ambassador_server.domain.policy.grants import CapabilityPatterns, Delivery, Effect, Grant, Subscription
from ambassador_server.domain.policy.limits import Limit, Measure
from ambassador_server.domain.policy.pattern_spelling import spell_name
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.policy.uri_spelling import spell_uri
from ambassador_server.wording.refusals import argument_text, command_of, duration_text
from ambassador_server.wording.times import time_text

_WHY_NOT: Mapping[NotApplicable, str] = {
    NotApplicable.SWITCH_EXPIRED: "expired",
    NotApplicable.SWITCH_STOPS_SOMETHING_ELSE: "stops something else",
    NotApplicable.ANOTHER_SWITCH_DECIDES: "another switch decides",
    NotApplicable.USER_NOT_IN_GROUP: "the user is not in the group",
    NotApplicable.GROUP_SUSPENDED: "the group is suspended",
    NotApplicable.GRANT_EXPIRED: "it has expired",
    NotApplicable.NO_PATTERN_MATCHES: "no pattern matches the {kind}",
    NotApplicable.ARGUMENTS_NOT_PERMITTED: "its constraints do not permit the arguments",
    NotApplicable.ANOTHER_LIMIT_APPLIES: "a more specific limit applies",
}

_REMEDIES: Mapping[Reason, str] = {
    Reason.POLICY_STALE: "Wait until the server reaches its database again; see /ready.",
    Reason.KILL_SWITCH: "Lift the kill switch: ambassador-admin kill lift {rule_id}",
    Reason.UNKNOWN_USER: "Create the user: ambassador-admin user create {user}",
    Reason.USER_NOT_ACTIVE: "Activate the user: ambassador-admin user activate {user}",
    Reason.UNKNOWN_KEY: "Issue a key: ambassador-admin key issue {user} --name NAME",
    Reason.KEY_NOT_ACTIVE: "Activate the key: ambassador-admin key activate {key}, or issue another if it is revoked",
    Reason.KEY_EXPIRED: "Issue another key: ambassador-admin key issue {user} --name NAME",
    Reason.UNKNOWN_ISSUER: "Add the issuer: ambassador-admin issuer add NAME --url URL",
    Reason.CERTIFICATE_REVOKED: "Give the user another client certificate.",
    Reason.TOKEN_EXPIRED: "Let the application get a new token; a new login does.",
    Reason.TOKEN_INACTIVE: "Let the application get a new token; a new login does.",
    Reason.SESSION_ENDED: "Let the client register again; a restart of its application does.",
    Reason.MCP_NOT_PUBLISHED: "Publish the MCP: ambassador-admin mcp publish {mcp}",
    Reason.EXPLICIT_DENY: "Remove the grant that denies: ambassador-admin grant remove {rule_id}",
    Reason.NO_GRANT: "{expired}Permit it: ambassador-admin grant add GROUP {mcp} --{kind} {name}, for a group of the "
    "user",
    Reason.ARGUMENT_NOT_ALLOWED: "{argument}. Permit other arguments: ambassador-admin grant update {rule_id} "
    "--when CONDITION",
    Reason.NOT_SUBSCRIBED: "Subscribe the client: ambassador-admin subscription set {key} {mcp}",
    Reason.NOT_SELECTED: "Select the {kind}: ambassador-admin subscription set {key} {mcp} --{kind} {name}{selected}",
    Reason.DEFINITION_CHANGED: "Look at it: ambassador-admin mcp tools {mcp} --diff; then approve it: ambassador-admin "
    "mcp approve {mcp} {name}",
    Reason.APPROVAL_PENDING: "Look at what waits: ambassador-admin approval list; then decide it: ambassador-admin "
    "approval approve ID",
    Reason.APPROVAL_DENIED: "Look at who has denied it: ambassador-admin approval list --filter status=denied",
    Reason.CREDENTIAL_MISSING: "The user does: ambassador-client {command} {mcp}; what users have given shows: "
    "ambassador-admin credential list --mcp {mcp}",
    Reason.ARGUMENTS_UNREADABLE: "Call it with a JSON object as its arguments",
    Reason.FIXED_ARGUMENT: "Call it without the argument; what is fixed shows: ambassador-admin mcp show {mcp} -o json",
    Reason.LIMIT_EXCEEDED: "Wait, or change the limit: ambassador-admin limit list",
    **dict.fromkeys(UNKNOWN.values(), "Look at what is published: ambassador-admin mcp list"),
}


_NO_SUBSCRIBER = (
    "Grant it without --opt-in, because a token has no client that could subscribe: ambassador-admin grant add GROUP "
    "{mcp} --{kind} {name}"
)


def switch_text(switch: KillSwitch) -> str:
    """Return what a kill switch stops, and its reason."""
    target = switch.target_name or switch.target
    stopped = "everyone" if target is None else f"{switch.scope.value.replace('_', ' ')} {target}"
    return f"stop {stopped}: {switch.reason}"


_MEASURES: Mapping[Measure, str] = {
    Measure.CALLS_PER_MINUTE: "{value:,} calls a minute, {burst:,} at once",
    Measure.CALLS_PER_DAY: "{value:,} calls a day",
    Measure.IN_FLIGHT: "{value:,} calls at a time",
    Measure.ARGUMENT_BYTES: "arguments of {value:,} bytes",
    Measure.RESULT_BYTES: "results of {value:,} bytes",
}


def limit_text(limit: Limit) -> str:
    """Return what a limit allows, and to whom or to what."""
    about = (
        "everyone" if limit.target_name is None else f"{limit.scope.replace('_', ' ')} {limit.target_name}"
    )
    each = ", counted for each user" if limit.is_per_user else ""
    allowed = _MEASURES[limit.measure].format(value=limit.value, burst=limit.burst)
    return f"limit {limit.name}: {allowed}, for {about}{each}"


def why_not_text(reason: NotApplicable, kind: CapabilityKind) -> str:
    """Return why a rule does not apply to a request for a capability of this kind."""
    return _WHY_NOT[reason].format(kind=kind)


def grant_text(grant: Grant, grantee: str, approvers: str | None = None) -> str:
    """Return what a grant permits or denies, and to whom, such as `group developers`; `approvers` is a group's name."""
    opting_in = " to clients that subscribe" if grant.delivery is Delivery.OPT_IN else ""
    until = "" if grant.expires_at is None else f", until {time_text(grant.expires_at)}"
    arguments = "" if grant.constraints is None else f", with arguments that meet {grant.constraints}"
    text = f"{grant.effect} {_named_text(grant.named)} to {grantee}{opting_in}{arguments}{until}"
    if grant.approval is None:
        return text
    return f"{text}, after {approval_rule_text(grant.approval, approvers)}"


def approval_rule_text(rule: ApprovalRule, approvers: str | None) -> str:
    """Return who has to approve a call, and for how long that is good."""
    by = "an administrator" if rule.approvers is None else f"a member of group {approvers or rule.approvers}"
    return f"the approval of {by}, good for {duration_text(rule.valid_seconds)}"


def subscription_text(subscription: Subscription, key_name: str) -> str:
    """Return what a client has selected."""
    return f"key {key_name} selects {_named_text(subscription.named)}"


def _named_text(named: CapabilityPatterns) -> str:
    """Return the patterns; those of tools stand first and have no word before them."""
    kinds = {"": named.tools, "resources ": named.resources, "prompts ": named.prompts}
    parts = [f"{word}{', '.join(patterns)}" for word, patterns in kinds.items() if patterns]
    if named.tools and not (named.resources or named.prompts) and named.resources is not None:
        parts[0] += " of the tools"
    return ", ".join(parts) or "nothing"


def remedy_text(
    explanation: Explanation, capability: CapabilityRef, *, mcp_name: str, user_name: str, key_id: str | None
) -> str | None:
    """Return what an administrator can do so that the request is permitted; None if it is permitted already.

    `key_id` is None for a request without a key, which has no client that could be subscribed.
    """
    deny = explanation.decision
    if isinstance(deny, Permit):
        return None
    is_uri = capability.kind is CapabilityKind.RESOURCE
    name = capability.name if is_uri else capability.name.removeprefix(f"{mcp_name}.")
    remedy = _REMEDIES[deny.reason]
    if deny.reason is Reason.NOT_SUBSCRIBED and key_id is None:
        remedy = _NO_SUBSCRIBER
    return remedy.format(
        rule_id=deny.grant_id if deny.switch is None else deny.switch.switch_id,
        user=user_name,
        mcp=mcp_name,
        kind=capability.kind,
        name=quote(spell_uri(name) if is_uri else spell_name(name)),
        key=key_id or "",
        selected=_options_of_selection(explanation),
        expired=_expired_text(explanation),
        argument="" if deny.refused is None else _sentence(argument_text(deny.refused)),
        command="credential set" if deny.missing is None else command_of(deny.missing),
    )


def _expired_text(explanation: Explanation) -> str:
    """Return which grant permitted the request last, as a sentence; empty if none that has expired did."""
    expired = [
        (each.rule.expires_at, each.rule.grant_id)
        for each in explanation.rules
        if isinstance(each.rule, Grant)
        and each.not_applicable is NotApplicable.GRANT_EXPIRED
        and each.rule.effect is Effect.PERMIT
        and each.rule.expires_at is not None
    ]
    if not expired:
        return ""
    at, grant_id = max(expired)
    return f"Grant {grant_id} expired at {time_text(at)}. "


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _options_of_selection(explanation: Explanation) -> str:
    """Return the options of the command that keep what the client has selected already."""
    chosen = [each.rule.named for each in explanation.rules if isinstance(each.rule, Subscription)]
    return "".join(
        f" --{kind} {quote(pattern)}"
        for named in chosen
        for kind in CapabilityKind
        for pattern in named.of(kind)
    )
