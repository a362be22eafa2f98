"""Who a request acts for, and the people, groups and keys behind it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.people.administrators import Role


class UserStatus(StrEnum):
    """Only an active user's keys work."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DEACTIVATED = "deactivated"


class GroupStatus(StrEnum):
    """A suspended group grants nothing."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class KeyStatus(StrEnum):
    """Only an active key opens or keeps a session."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What grants are given to."""

    group_id: str
    name: str
    description: str
    status: GroupStatus
    created_at: datetime
    updated_at: datetime
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One user in one group; who owns the fact does not make it another fact."""

    user_id: str
    group_id: str
    owner: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A preshared key of one user; `digest` is its HMAC under the pepper, never the key itself.

    `replaces` is the id of the key it was rotated from.
    """

    key_id: str
    user_id: str
    name: str
    prefix: str
    digest: bytes
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_host: str | None
    owner: str | None = None
    replaces: str | None = None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the key's time is over."""
        return self.expires_at is not None and self.expires_at <= now

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key itself, whatever its user, opens and keeps sessions."""
        return self.status is KeyStatus.ACTIVE and not self.has_expired(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a request acts for; names are carried for the audit only, decisions use the ids."""

    user_id: str
    user_name: str
    key_id: str
    key_name: str
    session_id: str | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    request_id: str
    address: str
