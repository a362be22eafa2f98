"""Bodies of `/v1/credentials`: what MCPs need of a user, and what the user has given. A value is only ever sent in."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentialField:
    """A value that an MCP needs of each user; `place` says where it goes."""

    name: str
    title: str
    help: str
    place: str
    secret: bool
    required: bool
    given: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentialView:
    """`GET /v1/credentials/{mcp}`; `status` is `complete`, `missing` or `dead`.

    `missing` names the required fields without a value. `needs_connect` says that access is granted by OAuth,
    `connected` that it has been. `granted` is false once nothing of the MCP is granted any more.
    """

    mcp: str
    display_name: str
    status: str
    granted: bool
    fields: list[OwnCredentialField]
    missing: list[str]
    needs_connect: bool
    connected: bool
    scopes: list[str]
    issuer: str | None
    updated_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentialList:
    """`GET /v1/credentials`."""

    credentials: list[OwnCredentialView]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCredentialPut:
    """`PUT /v1/credentials/{mcp}`: values by field; fields that are not named stay as they are."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    values: dict[str, str]
