"""Bodies of `/v1/admin/login`, `/v1/admin/password` and `/v1/admin/whoami`."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import IdentityKind, Role
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """`POST /v1/admin/login`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange:
    """`PUT /v1/admin/password`: changes the password of the administrator who sends it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    current: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """The administrator of the request: by a `login` of `user`, an admin `key`, or a client `certificate` alone."""

    name: str
    kind: IdentityKind
    user: str | None
    roles: list[Role]
    expires_at: str | None
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A new login; `admin_key` is returned only here and is valid until it expires or the user logs out."""

    who: Whoami
    admin_key: str
