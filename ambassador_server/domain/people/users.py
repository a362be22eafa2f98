"""Users."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.meta_tools import MetaTools


class UserStatus(StrEnum):
    """Whether a user may use the server; only the keys of an active user are accepted."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class AuthSource(StrEnum):
    """What authenticates a user: a password of this server, or an external identity provider."""

    LOCAL = "local"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person who may call tools; one with roles may also administer.

    `owner` is the label of the declarative file that created the user; only a file with that label may remove it. A
    user who was created for a token has the `issuer` and the `subject` of it, and belongs to no other. The issuer with
    the id `provisioner` describes the user by SCIM; `held` means that an administrator stopped the user, so that SCIM
    alone does not bring the user back.
    """

    user_id: str
    name: str
    display_name: str
    email: str | None
    status: UserStatus
    created_at: datetime
    updated_at: datetime
    roles: tuple[Role, ...] = ()
    source: AuthSource = AuthSource.LOCAL
    owner: str | None = None
    meta_tools: MetaTools = MetaTools.OFF
    issuer: str | None = None
    subject: str | None = None
    provisioner: str | None = None
    held: bool = False
