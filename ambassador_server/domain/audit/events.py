"""Audit events: the closed list of actions, and the parts of an event and a record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

RATE_LIMITED = "rate_limited"
"""The reason of a refusal because a client key is too fast."""
DEFINITION_PENDING = "definition_pending"
"""The reason that an attempt has if the definition of its tool waited for an approval: the MCP has the pin `warn`."""


class AuditAction(StrEnum):
    """What is recorded, as `area:subject:verb`; `call_actions` finds the action of a call of any kind."""

    CALL_ATTEMPT = "call:tool:attempt"
    CALL_OUTCOME = "call:tool:outcome"
    CALL_DENY = "call:tool:deny"
    CALL_QUESTION = "call:tool:question"
    CALL_ANSWER = "call:tool:answer"
    RESOURCE_ATTEMPT = "call:resource:attempt"
    RESOURCE_OUTCOME = "call:resource:outcome"
    RESOURCE_DENY = "call:resource:deny"
    RESOURCE_QUESTION = "call:resource:question"
    RESOURCE_ANSWER = "call:resource:answer"
    PROMPT_ATTEMPT = "call:prompt:attempt"
    PROMPT_OUTCOME = "call:prompt:outcome"
    PROMPT_DENY = "call:prompt:deny"
    PROMPT_QUESTION = "call:prompt:question"
    PROMPT_ANSWER = "call:prompt:answer"
    SESSION_OPEN = "session:client:open"
    SESSION_CLOSE = "session:client:close"
    SESSION_EXPIRE = "session:client:expire"
    SESSION_REFUSE = "session:client:refuse"
    KEY_REDEEM = "session:key:redeem"
    KEY_NEW_HOST = "session:key:new-host"
    TOKEN_ACCEPT = "session:token:accept"
    TOKEN_REFUSE = "session:token:refuse"
    ASSERTION_ACCEPT = "session:assertion:accept"
    ASSERTION_REFUSE = "session:assertion:refuse"
    HOST_LOGIN_ACCEPT = "session:host-login:accept"
    HOST_LOGIN_REFUSE = "session:host-login:refuse"
    GATEWAY_REFUSE = "session:gateway:refuse"
    GATEWAY_IGNORE = "session:gateway:ignore"
    SIGN_IN_ACCEPT = "session:sign-in:accept"
    SIGN_IN_REFUSE = "session:sign-in:refuse"
    ADMIN_OPEN = "session:admin:open"
    ADMIN_CLOSE = "session:admin:close"
    ADMIN_REFUSE = "session:admin:refuse"
    USER_CREATE = "admin:user:create"
    USER_UPDATE = "admin:user:update"
    PASSWORD_SET = "admin:user:set-password"
    GROUP_CREATE = "admin:group:create"
    GROUP_UPDATE = "admin:group:update"
    GROUP_REMOVE = "admin:group:remove"
    MEMBER_ADD = "admin:group:add-member"
    MEMBER_REMOVE = "admin:group:remove-member"
    MCP_CREATE = "admin:mcp:create"
    MCP_UPDATE = "admin:mcp:update"
    MCP_ARCHIVE = "admin:mcp:archive"
    MCP_REMOVE = "admin:mcp:remove"
    MCP_PUBLISH = "admin:mcp:publish"
    MCP_APPROVE = "admin:mcp:approve"
    MCP_RESTART = "admin:mcp:restart"
    MCP_TEST = "admin:mcp:test"
    GRANT_ADD = "admin:grant:add"
    GRANT_UPDATE = "admin:grant:update"
    GRANT_REMOVE = "admin:grant:remove"
    SUBSCRIPTION_SET = "admin:subscription:set"
    SUBSCRIPTION_REMOVE = "admin:subscription:remove"
    LIMIT_CREATE = "admin:limit:create"
    LIMIT_UPDATE = "admin:limit:update"
    LIMIT_REMOVE = "admin:limit:remove"
    ISSUER_CREATE = "admin:issuer:create"
    ISSUER_UPDATE = "admin:issuer:update"
    ISSUER_REMOVE = "admin:issuer:remove"
    ISSUER_TEST = "admin:issuer:test"
    SESSION_REVOKE = "admin:session:revoke"
    KEY_ENROL = "admin:key:enrol"
    ENROLMENT_CANCEL = "admin:enrolment:cancel"
    KEY_ISSUE = "admin:key:issue"
    KEY_UPDATE = "admin:key:update"
    KEY_ROTATE = "admin:key:rotate"
    KEY_REVOKE = "admin:key:revoke"
    ADMIN_KEY_ISSUE = "admin:admin-key:issue"
    ADMIN_KEY_REVOKE = "admin:admin-key:revoke"
    REQUEST_ASK = "approval:request:ask"
    REQUEST_APPROVE = "approval:request:approve"
    REQUEST_DENY = "approval:request:deny"
    REQUEST_CANCEL = "approval:request:cancel"
    REQUEST_EXPIRE = "approval:request:expire"
    REQUEST_USE = "approval:request:use"
    CREDENTIAL_SET = "credential:user:set"
    CREDENTIAL_REMOVE = "credential:user:remove"
    CREDENTIAL_REVOKE = "credential:user:revoke"
    CONNECT_BEGIN = "credential:user:begin-connect"
    CREDENTIAL_CONNECT = "credential:user:connect"
    CREDENTIAL_DISCONNECT = "credential:user:disconnect"
    TOKEN_REFRESH = "credential:token:refresh"
    GRANT_REVOKE = "credential:grant:revoke"
    CLIENT_REGISTER = "credential:client:register"
    SWITCH_ACTIVATE = "kill:switch:activate"
    SWITCH_LIFT = "kill:switch:lift"
    DOWNSTREAM_STATE = "system:downstream:state"
    BREAKER_OPEN = "system:breaker:open"
    BREAKER_CLOSE = "system:breaker:close"
    DEFINITION_CHANGE = "system:definition:change"
    DEFINITION_TRUST = "system:definition:trust"
    AUDIT_PRUNE = "admin:audit:prune"
    AUDIT_FETCH = "admin:audit:fetch"
    SERVER_START = "system:server:start"
    SERVER_STOP = "system:server:stop"
    LOG_RECOVERY = "system:audit-log:recovery"
    LOG_QUARANTINE = "system:audit-log:quarantine"
    LOG_ANOMALY = "system:audit-log:anomaly"
    VAULT_KEY = "system:vault:new-key"
    VAULT_ROTATE = "system:vault:rotate"
    LOSS_ACCEPT = "system:audit-log:accept-loss"


class Outcome(StrEnum):
    """How an action ended; `permitted` means that it is about to begin."""

    PERMITTED = "permitted"
    DENIED = "denied"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class ActorKind(StrEnum):
    """The kind of an actor."""

    USER = "user"
    ADMIN = "admin"
    SYSTEM = "system"
    UNKNOWN = "unknown"


class Actor(Struct, frozen=True, kw_only=True):
    """Who did something, with the names at the time of the event."""

    kind: ActorKind
    id: str | None = None
    name: str | None = None
    key_id: str | None = None
    key_name: str | None = None


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="server")


class Resource(Struct, frozen=True, kw_only=True):
    """The object of an action; `kind` is `tool`, `resource`, `prompt`, `mcp`, `user`, `grant`, `server`, ..."""

    kind: str
    id: str | None
    name: str | None


class AuditEvent(Struct, frozen=True, kw_only=True):
    """One event; `details` are JSON values with secrets already redacted."""

    at: datetime
    action: AuditAction
    outcome: Outcome
    actor: Actor
    resource: Resource
    reason: str | None = None
    request_id: str | None = None
    session_id: str | None = None
    source: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class AuditRecord(Struct, frozen=True, kw_only=True):
    """An event in the log; (`writer`, `seq`) identifies it forever, `digest` is SHA-256 of its line in hex."""

    writer: str
    seq: int
    digest: str
    event: AuditEvent


@dataclass(frozen=True, slots=True)
class IndexedRecord:
    """A record in the index; a record that is added later has a greater `cursor`."""

    cursor: int
    record: AuditRecord
