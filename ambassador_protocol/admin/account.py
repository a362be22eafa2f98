"""Bodies of what administrators do and ask about themselves."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import AdminKeyKind, Role
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """`POST /v1/admin/login`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange:
    """`PUT /v1/admin/password`: one's own."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    current: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whoami:
    """The administrator behind an `amb_ak_` key: a `login` of `user`, or a `key` of its own."""

    name: str
    kind: AdminKeyKind
    user: str | None
    roles: list[Role]
    expires_at: str | None
    server_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """A new login; `admin_key` is shown this once, and good until it expires or is logged out."""

    who: Whoami
    admin_key: str
