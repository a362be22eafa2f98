"""What a user is told when a call is denied."""

from collections.abc import Mapping

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.argument_checks import ArgumentFault, RefusedArgument
from ambassador_server.domain.policy.decision import (
    UNKNOWN,
    ApprovalFault,
    CredentialFault,
    Deny,
    LackingApproval,
    MissingCredential,
    Reason,
)
from ambassador_server.domain.policy.limits import ExceededLimit, Measure

_DISCLOSED: Mapping[Reason, str] = {
    Reason.POLICY_STALE: "the server cannot confirm its policy (policy_stale). Try again in a moment.",
    Reason.UNKNOWN_USER: "the user of this key no longer exists (unknown_user).",
    Reason.USER_NOT_ACTIVE: "your user is not active (user_not_active). Ask your administrator.",
    Reason.UNKNOWN_KEY: "this key no longer exists (unknown_key). Ask your administrator for a new one.",
    Reason.KEY_NOT_ACTIVE: "this key is suspended or revoked (key_not_active). Ask your administrator.",
    Reason.ARGUMENT_NOT_ALLOWED: "its arguments are not permitted (argument_not_allowed). Ask your administrator.",
    Reason.NOT_SUBSCRIBED: "this client has not subscribed to its MCP (not_subscribed).",
    Reason.NOT_SELECTED: "this client has not selected it (not_selected).",
    Reason.DEFINITION_CHANGED: "its definition waits for an approval (definition_changed). Ask your administrator.",
    Reason.APPROVAL_PENDING: "it needs the approval of another person (approval_pending).",
    Reason.APPROVAL_DENIED: "another person has denied it (approval_denied).",
    Reason.CREDENTIAL_MISSING: "it needs a credential of yours (credential_missing). See: ambassador-client credential "
    "list.",
    Reason.FIXED_ARGUMENT: "an administrator has fixed one of its arguments (fixed_argument).",
    Reason.ARGUMENTS_UNREADABLE: "its arguments are no JSON object that can be read (arguments_unreadable).",
    Reason.LIMIT_EXCEEDED: "a limit does not allow more calls now (limit_exceeded). Wait, then call again.",
    Reason.KEY_EXPIRED: "this key has expired (key_expired). Ask your administrator for a new one.",
    Reason.UNKNOWN_ISSUER: "the issuer of this token is not trusted any more (unknown_issuer).",
    Reason.CERTIFICATE_REVOKED: "this client certificate was revoked (certificate_revoked).",
    Reason.TOKEN_EXPIRED: "this access token has expired (token_expired). Log in again.",
    Reason.TOKEN_INACTIVE: "the issuer of this access token does not say any more that it is active (token_inactive). "
    "Log in again.",
    Reason.SESSION_ENDED: "its session was ended (session_ended).",
}
"""The reasons that a user may learn, except a kill switch, which has a text of its own."""

_ARGUMENT_FAULTS: Mapping[ArgumentFault, str] = {
    ArgumentFault.UNREADABLE: "cannot be read",
    ArgumentFault.MISSING: "is missing, and it is permitted only with certain values",
    ArgumentFault.AMBIGUOUS: "is given twice, or again in another spelling",
    ArgumentFault.INEXACT: "has a number or a text that not every program reads as the same",
    ArgumentFault.TOO_LARGE: "is too large to be checked",
    ArgumentFault.FORBIDDEN: "must not be given",
    ArgumentFault.AGAINST_RULE: "is not permitted by the rule {rule}",
    ArgumentFault.RULE_UNUSABLE: "cannot be checked, because the rule for it cannot be read",
}

_FAULTS: Mapping[CredentialFault, str] = {
    CredentialFault.NOT_GIVEN: "{mcp} needs a credential of yours{fields} (credential_missing). {remedy}",
    CredentialFault.DEAD: "your access to {mcp} has expired or was revoked (credential_missing). {remedy}",
    CredentialFault.CANNOT_BE_OPENED: "your credential for {mcp} cannot be opened (credential_missing). {remedy}",
    CredentialFault.REFERENCE_UNUSABLE: "the credential that all users of {mcp} share cannot be read "
    "(credential_missing). Ask your administrator.",
    CredentialFault.TOO_FEW_SCOPES: "{mcp} demands more access than you have granted (credential_missing). "
    "{remedy}",
    CredentialFault.TOKEN_NOT_PRESENTED: "{mcp} is accessed with an access token of {provider}, and this request has "
    "brought none that can be exchanged (credential_missing). Use an AI application that signs in at {provider} and "
    "sends its access token; a client key does not do.",
    CredentialFault.NOT_EXCHANGED: "{provider} does not grant you access to {mcp} (credential_missing). {remedy}",
    CredentialFault.REFUSED: "{mcp} does not accept your credential (credential_missing). {remedy}",
}


_APPROVALS: Mapping[ApprovalFault, str] = {
    ApprovalFault.PENDING: "it needs the approval of {approvers} (approval_pending). Request {id} waits for the "
    "decision{until}. When it is approved, call again with the same arguments within {valid}; an approval is good for "
    "one call. See: ambassador-client request list.",
    ApprovalFault.DENIED: "{by} has denied request {id}{reason} (approval_denied). Do not call again with these "
    "arguments.",
    ApprovalFault.OUTDATED: "its approval does not serve any more: it was used, or what demands it has changed "
    "(approval_pending). Call again to ask for another one.",
    ApprovalFault.TOO_MANY: "it needs the approval of another person, and too many requests wait for a decision "
    "already (approval_pending). Cancel one with: ambassador-client request cancel ID.",
}

_EXCEEDED: Mapping[Measure, str] = {
    Measure.CALLS_PER_MINUTE: "allows {value} calls a minute (limit_exceeded). Wait {wait} s, then call again.",
    Measure.CALLS_PER_DAY: "allows {value} calls a day (limit_exceeded). The next day begins in {wait} s, at 00:00 "
    "UTC; do not call again before.",
    Measure.IN_FLIGHT: "allows {value} calls at a time (limit_exceeded). Wait until one of them has ended, then call "
    "again.",
    Measure.ARGUMENT_BYTES: "allows arguments of {value} bytes (limit_exceeded). Call again with shorter arguments.",
    Measure.RESULT_BYTES: "allows results of {value} bytes (limit_exceeded). The call has run and its result is "
    "withheld; ask for less.",
}


def told_reason(deny: Deny, kind: CapabilityKind) -> Reason:
    """Return the reason that the user may learn of the denial of a tool, a resource or a prompt."""
    return deny.reason if deny.disclosed else UNKNOWN[kind]


def refusal_text(deny: Deny, name: str, kind: CapabilityKind = CapabilityKind.TOOL) -> str:
    """Return what the user is told; what the user may not know of looks like something that does not exist."""
    if not deny.disclosed:
        return f"Unknown {kind.value}: {name}"
    if deny.switch is not None:
        return f"{name} is stopped by an administrator: {deny.switch.text_for_users}"
    if deny.argument is not None:
        return (
            f"{name} is refused: an administrator has fixed its argument {deny.argument!r} (fixed_argument). Call it "
            "without this argument."
        )
    if deny.limit is not None:
        return f"{name} is refused: {_exceeded_text(deny.limit)}"
    if deny.missing is not None:
        return f"{name} is refused: {missing_credential_text(deny.missing)}"
    if deny.approval is not None:
        return f"{name} is refused: {approval_text(deny.approval)}"
    if deny.refused is not None:
        text = argument_text(deny.refused)
        return (
            f"{name} is refused: {text} (argument_not_allowed). Ask your administrator for other arguments."
        )
    return f"{name} is refused: {_DISCLOSED[deny.reason]}"


def argument_text(refused: RefusedArgument) -> str:
    """Return why an argument is not permitted, without its value."""
    subject = "one of its arguments" if refused.name is None else f'its argument "{refused.name}"'
    return f"{subject} {_ARGUMENT_FAULTS[refused.fault].format(rule=refused.rule)}"


def approval_text(lacking: LackingApproval) -> str:
    """Return what a user is told whose call another person has not approved, with what to do."""
    return _APPROVALS[lacking.fault].format(
        id=lacking.request_id,
        approvers="an administrator"
        if lacking.approvers is None
        else f"a member of group {lacking.approvers!r}",
        until="" if lacking.expires_at is None else f" until {lacking.expires_at:%Y-%m-%d %H:%M} UTC",
        valid=duration_text(lacking.valid_seconds),
        by=lacking.decided_by,
        reason="" if lacking.decision_reason is None else f": {lacking.decision_reason}",
    )


def duration_text(seconds: int) -> str:
    """Return a duration in the largest unit that has a whole number of it."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds} seconds"


def _exceeded_text(limit: ExceededLimit) -> str:
    text = _EXCEEDED[limit.measure].format(value=f"{limit.value:,}", wait=limit.wait_seconds)
    return f"the limit {limit.name!r} {text}"


def missing_credential_text(missing: MissingCredential) -> str:
    """Return what a user is told whose credential is missing, with the command that mends it."""
    verb = "Connect" if missing.needs_connect else "Give it"
    remedy = f"{verb} with: ambassador-client {command_of(missing)} {missing.mcp_name}"
    # A full stop would look like a part of the address.
    remedy += "." if missing.link is None else f", or at {missing.link}"
    if missing.provider is not None and not missing.fields:
        remedy = "Ask your administrator."
    fields = f": {', '.join(missing.fields)}" if missing.fields else ""
    return _FAULTS[missing.fault].format(
        mcp=missing.mcp_name, fields=fields, remedy=remedy, provider=missing.provider
    )


def command_of(missing: MissingCredential) -> str:
    """Return the command of the client with which a user gives what is missing."""
    return "connect" if missing.needs_connect else "credential set"
