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


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnect:
    """`POST /v1/credentials/{mcp}/connect`.

    With `device` the user enters a code at the authorization server. Otherwise a browser opens a link; at the end it is
    sent to `return_port` of its own machine, or shows the completion code.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    device: bool = False
    return_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnectBegun:
    """What the user opens: `url`, or `verification_uri`, where they enter `user_code`; `interval` is in seconds."""

    ticket: str
    expires_at: str
    url: str | None
    user_code: str | None
    verification_uri: str | None
    interval: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnectFinish:
    """`POST /v1/credentials/{mcp}/connect/finish`; there is no completion code for a device."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    ticket: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnectPending:
    """The person has not decided yet: ask again after `interval` seconds."""

    interval: int
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDisconnected:
    """`DELETE /v1/credentials/{mcp}/connect`.

    `revoked` tells whether the provider was told, too: false if it does not offer that, null if it does not answer and
    is told later.
    """

    revoked: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnection:
    """The access to one MCP by OAuth: `status` is `connected`, `missing` or `dead`.

    `expires_at` is that of the present token, which the server renews by itself.
    """

    mcp: str
    status: str
    granted: bool
    scopes: list[str]
    issuer: str | None
    expires_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnectionList:
    """`GET /v1/connections`."""

    connections: list[OwnConnection]
