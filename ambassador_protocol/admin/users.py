"""Bodies of `/v1/admin/users`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import AuthSource, MetaTools, Role, UserStatus
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPut:
    """`PUT` and `PATCH /v1/admin/users/{name}`: absent members stay as they are, or get their defaults.

    `roles` replaces all roles; an empty `email` or `owner` clears it. An empty `subject` ends that the user belongs to
    the issuer and the subject of a token; no other value is permitted.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    display_name: str | None = None
    email: str | None = None
    status: UserStatus | None = None
    roles: list[Role] | None = None
    source: AuthSource | None = None
    subject: str | None = None
    owner: str | None = None
    meta_tools: MetaTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """`POST /v1/admin/users`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    display_name: str | None = None
    email: str | None = None
    roles: list[Role] | None = None
    source: AuthSource | None = None
    meta_tools: MetaTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPassword:
    """`PUT /v1/admin/users/{name}/password`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user with the names of the user's groups.

    A user who was created for an access token belongs to its `issuer` (the URL) and `subject`, which are else null;
    `described_by` is the name of the issuer that describes the user by SCIM.
    """

    name: str
    display_name: str
    email: str | None
    status: UserStatus
    groups: list[str]
    roles: list[Role]
    source: AuthSource
    issuer: str | None
    subject: str | None
    owner: str | None
    meta_tools: MetaTools
    created_at: str
    updated_at: str
    described_by: str | None = None
