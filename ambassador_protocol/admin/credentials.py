"""Bodies of `/v1/admin/credentials`: who has given what to which MCP; no body has a value."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import CredentialStatus
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialView:
    """What a user has given for an MCP: `fields` have a value, `missing` are required and have none.

    `status` is `dead` once the authorization server has refused the grant for good. `scopes` and `issuer` are those of
    access by OAuth.
    """

    id: str
    user: str
    mcp: str
    status: CredentialStatus
    fields: list[str]
    missing: list[str]
    scopes: list[str]
    issuer: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRevocation:
    """`POST /v1/admin/credentials/revoke`: the credential of a user for an MCP, or all of one of them."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    user: str | None = None
    mcp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedCredentials:
    """The credentials that were removed."""

    revoked: list[CredentialView]


@dataclass(frozen=True, slots=True, kw_only=True)
class McpCredentials:
    """`GET /v1/admin/credentials/status`: how far the users are who may use an MCP.

    `complete` counts those who have given all, `missing` those who lack something, `dead` those whose grant was refused
    for good. `waiting` names up to 100 of the latter two: their calls are refused.
    """

    mcp: str
    fields: list[str]
    shared: list[str]
    needs_connect: bool
    users: int
    complete: int
    missing: int
    dead: int
    waiting: list[str]
