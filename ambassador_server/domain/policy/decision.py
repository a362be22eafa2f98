"""Decisions, and the closed list of reasons for a denial."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.domain.policy.argument_checks import RefusedArgument
from ambassador_server.domain.policy.limits import ExceededLimit
from ambassador_server.domain.policy.switches import KillSwitch


class Reason(StrEnum):
    """Why a call is denied; the same code is used in answers, audit and documents."""

    POLICY_STALE = "policy_stale"
    KILL_SWITCH = "kill_switch"
    UNKNOWN_USER = "unknown_user"
    USER_NOT_ACTIVE = "user_not_active"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_ACTIVE = "key_not_active"
    KEY_EXPIRED = "key_expired"
    UNKNOWN_ISSUER = "unknown_issuer"
    TOKEN_EXPIRED = "token_expired"
    CERTIFICATE_REVOKED = "certificate_revoked"
    TOKEN_INACTIVE = "token_inactive"
    SESSION_ENDED = "session_ended"
    MCP_NOT_PUBLISHED = "mcp_not_published"
    EXPLICIT_DENY = "explicit_deny"
    NO_GRANT = "no_grant"
    ARGUMENT_NOT_ALLOWED = "argument_not_allowed"
    NOT_SUBSCRIBED = "not_subscribed"
    NOT_SELECTED = "not_selected"
    DEFINITION_CHANGED = "definition_changed"
    APPROVAL_PENDING = "approval_pending"
    APPROVAL_DENIED = "approval_denied"
    CREDENTIAL_MISSING = "credential_missing"
    FIXED_ARGUMENT = "fixed_argument"
    ARGUMENTS_UNREADABLE = "arguments_unreadable"
    LIMIT_EXCEEDED = "limit_exceeded"
    UNKNOWN_TOOL = "unknown_tool"
    UNKNOWN_RESOURCE = "unknown_resource"
    UNKNOWN_PROMPT = "unknown_prompt"


UNKNOWN: Final[Mapping[CapabilityKind, Reason]] = {
    CapabilityKind.TOOL: Reason.UNKNOWN_TOOL,
    CapabilityKind.RESOURCE: Reason.UNKNOWN_RESOURCE,
    CapabilityKind.PROMPT: Reason.UNKNOWN_PROMPT,
}
"""The reason for the denial of a capability that does not exist."""


class Permit(Struct, frozen=True):
    """The call is permitted by this grant; `constrained` tells that its arguments have to meet constraints.

    With `approval`, another person has to approve the call first.
    """

    grant_id: str
    constrained: bool = False
    approval: ApprovalRule | None = None


class ApprovalFault(StrEnum):
    """Why a call is not approved; what demands an outdated approval has changed, or it was used meanwhile."""

    PENDING = "pending"
    DENIED = "denied"
    OUTDATED = "outdated"
    TOO_MANY = "too_many"


class LackingApproval(Struct, frozen=True, kw_only=True):
    """The approval that a call lacks: the request for it, if there is one, and the name of the group that decides.

    A pending request waits until `expires_at`, and its approval is good for so many seconds after the decision.
    """

    fault: ApprovalFault
    request_id: str | None = None
    approvers: str | None = None
    valid_seconds: int = 0
    expires_at: datetime | None = None
    decided_by: str | None = None
    decision_reason: str | None = None


class CredentialFault(StrEnum):
    """Why there is no credential for a call; a dead one was refused for good by the authorization server."""

    NOT_GIVEN = "not_given"
    DEAD = "dead"
    CANNOT_BE_OPENED = "cannot_be_opened"
    REFERENCE_UNUSABLE = "reference_unusable"
    REFUSED = "refused"
    TOO_FEW_SCOPES = "too_few_scopes"
    TOKEN_NOT_PRESENTED = "token_not_presented"
    NOT_EXCHANGED = "not_exchanged"


class MissingCredential(Struct, frozen=True, kw_only=True):
    """The credential that an MCP needs of a user: which fields lack a value, or that the user has to connect by OAuth.

    `link` is the address where the user can give it; None if there is none. `provider` is the issuer that grants the
    access, if it is not the user.
    """

    mcp_name: str
    fault: CredentialFault
    fields: tuple[str, ...] = ()
    needs_connect: bool = False
    link: str | None = None
    provider: str | None = None


class Deny(Struct, frozen=True):
    """The call is denied; `switch` is set if a kill switch decided, `grant_id` if a grant did.

    `disclosed` means that the caller may learn that the capability exists; otherwise the answer is that of an unknown
    one. `missing` is set if a credential is missing, `argument` if the call brought one that is fixed, `refused` if the
    constraints of a grant do not permit one, `limit` if a limit refuses the call, `approval` if an approval is missing.
    """

    reason: Reason
    switch: KillSwitch | None = None
    grant_id: str | None = None
    disclosed: bool = False
    missing: MissingCredential | None = None
    argument: str | None = None
    refused: RefusedArgument | None = None
    limit: ExceededLimit | None = None
    approval: LackingApproval | None = None


Decision = Permit | Deny
