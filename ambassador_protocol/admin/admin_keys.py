"""Bodies of `/v1/admin/admin-keys`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import AdminKeyKind, AdminKeyStatus, Role
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdminKey:
    """`POST /v1/admin/admin-keys`: issues an admin key to a program, with its own roles.

    A key with the role `scim` is for the issuer that `issuer` names.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    roles: list[Role]
    expires_in_seconds: int | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminKeyView:
    """An admin key, or the login of `user`, without its secret; a login has the current roles of its user."""

    name: str
    kind: AdminKeyKind
    user: str | None
    roles: list[Role]
    prefix: str
    status: AdminKeyStatus
    created_by: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedAdminKey:
    """A new admin key; `admin_key` is returned only here."""

    key: AdminKeyView
    admin_key: str
