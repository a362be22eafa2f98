"""The people whom an organisation publishes tools for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.people.administrators import Role


class UserStatus(StrEnum):
    """Only an active user's keys work."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class AuthSource(StrEnum):
    """Who vouches for a user: a password here, or an identity provider elsewhere."""

    LOCAL = "local"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person the organisation publishes tools for; one with roles may also administer.

    `owner` labels whatever a declarative file brought: only that file's owner may take it away again.
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
