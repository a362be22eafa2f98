"""The enumerations of the admin API: text on the wire; the OpenAPI schema lists every value."""

from collections.abc import Callable
from typing import Annotated, Any


class OneOf:
    """Lists the allowed values of a text in its JSON schema; the server refuses all others."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def __get_pydantic_json_schema__(
        self, core: Any, describe: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return the schema of the text with the allowed values."""
        return {**describe(core), "enum": list(self.words)}


UserStatus = Annotated[str, OneOf("active", "suspended", "deactivated")]
AuthSource = Annotated[str, OneOf("local", "external")]
Role = Annotated[str, OneOf("admin", "operator", "provisioner", "auditor", "monitor", "scim")]
GroupStatus = Annotated[str, OneOf("active", "suspended")]
KeyStatus = Annotated[str, OneOf("active", "suspended", "revoked", "expired")]
KeyStatusChange = Annotated[str, OneOf("active", "suspended")]
MetaTools = Annotated[str, OneOf("off", "on")]
KeyMetaTools = Annotated[str, OneOf("off", "on", "inherit")]
AdminKeyKind = Annotated[str, OneOf("login", "key")]
IdentityKind = Annotated[str, OneOf("login", "key", "certificate")]
AdminKeyStatus = Annotated[str, OneOf("active", "expired", "revoked")]
Effect = Annotated[str, OneOf("permit", "deny")]
Delivery = Annotated[str, OneOf("automatic", "opt_in")]
ArgumentPolicy = Annotated[str, OneOf("none", "keys", "redacted", "full")]
Isolation = Annotated[str, OneOf("shared", "per_user")]
SessionSharing = Annotated[str, OneOf("shared", "per_user", "auto")]
Broadcast = Annotated[str, OneOf("off", "read_only", "all")]
Pin = Annotated[str, OneOf("off", "warn", "block")]
Cue = Annotated[
    str,
    OneOf(
        "hidden_characters",
        "instruction",
        "other_tool",
        "secret",
        "long_text",
        "encoded_data",
        "html_comment",
        "url_with_data",
    ),
]
CredentialPlace = Annotated[str, OneOf("environment", "header", "query", "argument")]
OAuthGrant = Annotated[str, OneOf("user", "service_account", "identity_assertion")]
SubjectType = Annotated[str, OneOf("access_token", "id_token", "jwt")]
RequestKind = Annotated[str, OneOf("call", "access")]
RequestStatus = Annotated[str, OneOf("pending", "approved", "used", "denied", "cancelled", "expired")]
Approval = Annotated[str, OneOf("approved", "changed", "new", "gone")]
McpStatus = Annotated[str, OneOf("draft", "published", "archived")]
CredentialStatus = Annotated[str, OneOf("active", "dead")]
DownstreamStatus = Annotated[str, OneOf("stopped", "starting", "ready", "degraded")]
BreakerState = Annotated[str, OneOf("closed", "open", "half_open")]
ToolClass = Annotated[str, OneOf("read-only", "write", "destructive")]
SwitchScope = Annotated[
    str, OneOf("everyone", "user", "group", "key", "session", "mcp", "tool", "tool_class")
]
TokenAlgorithm = Annotated[
    str,
    OneOf(
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
        "HS256",
    ),
]
KeySource = Annotated[str, OneOf("discovery", "jwks", "secret", "introspection", "gateway", "certificates")]
CheckResult = Annotated[str, OneOf("passed", "failed", "not_reached")]
LimitScope = Annotated[str, OneOf("tool", "mcp", "tool_class", "key", "user", "group", "everyone")]
LimitMeasure = Annotated[
    str, OneOf("calls_per_minute", "calls_per_day", "in_flight", "argument_bytes", "result_bytes")
]
OUTCOMES = OneOf("permitted", "denied", "succeeded", "failed")
Outcome = Annotated[str, OUTCOMES]
ActorKind = Annotated[str, OneOf("user", "admin", "system", "unknown")]

AUDIT_ACTIONS = OneOf(
    "call:tool:attempt",
    "call:tool:outcome",
    "call:tool:deny",
    "call:tool:question",
    "call:tool:answer",
    "call:resource:attempt",
    "call:resource:outcome",
    "call:resource:deny",
    "call:resource:question",
    "call:resource:answer",
    "call:prompt:attempt",
    "call:prompt:outcome",
    "call:prompt:deny",
    "call:prompt:question",
    "call:prompt:answer",
    "session:client:open",
    "session:client:close",
    "session:client:expire",
    "session:client:refuse",
    "session:key:redeem",
    "session:key:new-host",
    "session:token:accept",
    "session:token:refuse",
    "session:assertion:accept",
    "session:assertion:refuse",
    "session:host-login:accept",
    "session:host-login:refuse",
    "session:gateway:refuse",
    "session:gateway:ignore",
    "session:sign-in:accept",
    "session:sign-in:refuse",
    "session:admin:open",
    "session:admin:close",
    "session:admin:refuse",
    "admin:user:create",
    "admin:user:update",
    "admin:user:set-password",
    "admin:group:create",
    "admin:group:update",
    "admin:group:remove",
    "admin:group:add-member",
    "admin:group:remove-member",
    "admin:mcp:create",
    "admin:mcp:update",
    "admin:mcp:archive",
    "admin:mcp:remove",
    "admin:mcp:publish",
    "admin:mcp:approve",
    "admin:mcp:restart",
    "admin:mcp:test",
    "admin:grant:add",
    "admin:grant:update",
    "admin:grant:remove",
    "admin:subscription:set",
    "admin:subscription:remove",
    "admin:limit:create",
    "admin:limit:update",
    "admin:limit:remove",
    "admin:issuer:create",
    "admin:issuer:update",
    "admin:issuer:remove",
    "admin:issuer:test",
    "admin:session:revoke",
    "admin:key:enrol",
    "admin:enrolment:cancel",
    "admin:key:issue",
    "admin:key:update",
    "admin:key:rotate",
    "admin:key:revoke",
    "admin:admin-key:issue",
    "admin:admin-key:revoke",
    "approval:request:ask",
    "approval:request:approve",
    "approval:request:deny",
    "approval:request:cancel",
    "approval:request:expire",
    "approval:request:use",
    "credential:user:set",
    "credential:user:remove",
    "credential:user:revoke",
    "credential:user:begin-connect",
    "credential:user:connect",
    "credential:user:disconnect",
    "credential:token:refresh",
    "credential:grant:revoke",
    "credential:client:register",
    "kill:switch:activate",
    "kill:switch:lift",
    "system:downstream:state",
    "system:breaker:open",
    "system:breaker:close",
    "system:definition:change",
    "system:definition:trust",
    "admin:audit:prune",
    "admin:audit:fetch",
    "system:server:start",
    "system:server:stop",
    "system:audit-log:recovery",
    "system:audit-log:quarantine",
    "system:audit-log:anomaly",
    "system:vault:new-key",
    "system:vault:rotate",
    "system:audit-log:accept-loss",
)
"""What an audit event records, as `area:subject:verb`."""
AuditAction = Annotated[str, AUDIT_ACTIONS]
