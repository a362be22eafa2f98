"""Administrators, their keys and passwords, and the rights that each role gives."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.errors import MissingRightError


class Right(StrEnum):
    """A right of an administrator; `MCP_EXECUTE` is needed to make the server start the command of an MCP."""

    READ = "read"
    PROVISION = "provision"
    MANAGE = "manage"
    OPERATE = "operate"
    MCP_EXECUTE = "mcp:execute"
    APPROVALS_READ = "approvals:read"
    APPROVALS_DECIDE = "approvals:decide"
    AUDIT_READ = "audit:read"
    AUDIT_PRUNE = "audit:prune"
    METRICS_READ = "metrics:read"
    SCIM = "scim"


class Role(StrEnum):
    """A role of an admin key or a user; an admin may prune the audit but not read it, an auditor may read it.

    `MONITOR` and `SCIM` are for admin keys only: the first reads the metrics, the second describes users of one issuer,
    and neither may do anything else.
    """

    ADMIN = "admin"
    OPERATOR = "operator"
    PROVISIONER = "provisioner"
    AUDITOR = "auditor"
    MONITOR = "monitor"
    SCIM = "scim"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(
        {
            Right.READ,
            Right.PROVISION,
            Right.MANAGE,
            Right.OPERATE,
            Right.MCP_EXECUTE,
            Right.APPROVALS_READ,
            Right.APPROVALS_DECIDE,
            Right.AUDIT_PRUNE,
            Right.METRICS_READ,
        }
    ),
    Role.OPERATOR: frozenset({Right.READ, Right.OPERATE, Right.METRICS_READ}),
    Role.PROVISIONER: frozenset({Right.READ, Right.PROVISION}),
    Role.AUDITOR: frozenset({Right.READ, Right.APPROVALS_READ, Right.AUDIT_READ}),
    Role.MONITOR: frozenset({Right.METRICS_READ}),
    Role.SCIM: frozenset({Right.SCIM}),
}


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Return the rights that at least one of these roles gives."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


def missing_right(right: Right, message: str = "", *, reason: str = "") -> MissingRightError:
    """Return the error for a right that an administrator lacks; it names the roles that have it."""
    return MissingRightError(
        message or f"You lack the right {right.value!r}",
        reason=reason or f"missing_right:{right}",
        roles=" or ".join(role for role, rights in RIGHTS.items() if right in rights),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminKey:
    """A key of the admin API; `digest` is its HMAC under the pepper.

    A login is an admin key with a `user_id`; its roles are those that the user has at the time of a request. A key with
    the role `scim` belongs to one issuer. A login with an `issuer_id` was opened with that issuer.
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
    issuer_id: str | None = None

    @property
    def is_login(self) -> bool:
        """Tell whether the key was made by a login of a user."""
        return self.user_id is not None

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """The password of a local user, as an Argon2id hash in its standard encoding."""

    user_id: str
    hash: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Who an admin request acts for; `name` is that of the user, or of the key if it belongs to no user.

    One who `is_certified` has no key, but a client certificate that stands alone.
    """

    admin_key_id: str
    name: str
    roles: tuple[Role, ...]
    expires_at: datetime | None
    user_id: str | None = None
    issuer_id: str | None = None
    is_certified: bool = False

    def may(self, right: Right) -> bool:
        """Tell whether at least one of the roles gives the right."""
        return right in rights_of(self.roles)
