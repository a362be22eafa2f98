"""Administrators: their keys, their roles, and the rights a role gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Right(StrEnum):
    """What an admin route asks for."""

    READ = "read"
    PROVISION = "provision"
    MANAGE = "manage"
    OPERATE = "operate"
    AUDIT_READ = "audit:read"
    AUDIT_PRUNE = "audit:prune"


class Role(StrEnum):
    """What an admin key may carry; reading the audit is separate from administering, and from removing old records."""

    ADMIN = "admin"
    OPERATOR = "operator"
    PROVISIONER = "provisioner"
    AUDITOR = "auditor"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset({Right.READ, Right.PROVISION, Right.MANAGE, Right.OPERATE, Right.AUDIT_PRUNE}),
    Role.OPERATOR: frozenset({Right.READ, Right.OPERATE}),
    Role.PROVISIONER: frozenset({Right.READ, Right.PROVISION}),
    Role.AUDITOR: frozenset({Right.READ, Right.AUDIT_READ}),
}


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Return everything these roles give together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminKey:
    """A key of the admin API; `digest` is its HMAC under the pepper.

    The login of a person is a key, too: it names its user, and gives the roles that user has at the moment.
    """

    admin_key_id: str
    name: str
    prefix: str
    digest: bytes
    roles: tuple[Role, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    user_id: str | None = None
    created_by: str = ""

    @property
    def is_login(self) -> bool:
        """Tell whether a person logged in, as opposed to a key that was issued."""
        return self.user_id is not None

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key itself, whatever its user, opens the admin API."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """What proves a local user: an Argon2id hash in its own standard form."""

    user_id: str
    hash: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Who an admin request acts for; `name` is the user's, or that of a key which is nobody's."""

    admin_key_id: str
    name: str
    roles: tuple[Role, ...]
    expires_at: datetime | None
    user_id: str | None = None

    def may(self, right: Right) -> bool:
        """Tell whether any of the roles gives the right."""
        return right in rights_of(self.roles)
