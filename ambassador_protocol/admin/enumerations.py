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
Role = Annotated[str, OneOf("admin", "operator", "provisioner", "auditor")]
GroupStatus = Annotated[str, OneOf("active", "suspended")]
KeyStatus = Annotated[str, OneOf("active", "suspended", "revoked")]
KeyStatusChange = Annotated[str, OneOf("active", "suspended")]
AdminKeyKind = Annotated[str, OneOf("login", "key")]
AdminKeyStatus = Annotated[str, OneOf("active", "expired", "revoked")]
Effect = Annotated[str, OneOf("permit", "deny")]
Delivery = Annotated[str, OneOf("automatic", "opt_in")]
ArgumentPolicy = Annotated[str, OneOf("none", "keys", "redacted", "full")]
Isolation = Annotated[str, OneOf("shared", "per_user")]
McpStatus = Annotated[str, OneOf("draft", "published", "archived")]
DownstreamStatus = Annotated[str, OneOf("stopped", "starting", "ready", "degraded")]
ToolClass = Annotated[str, OneOf("read-only", "write", "destructive")]
SwitchScope = Annotated[
    str, OneOf("everyone", "user", "group", "key", "session", "mcp", "tool", "tool_class")
]
Outcome = Annotated[str, OneOf("permitted", "denied", "succeeded", "failed")]
ActorKind = Annotated[str, OneOf("user", "admin", "system", "unknown")]
