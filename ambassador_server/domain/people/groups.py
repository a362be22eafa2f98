"""Groups of users, and their memberships."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class GroupStatus(StrEnum):
    """Whether a group's grants permit anything; a suspended group permits nothing, and its denials stay in force."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of users; grants are given to groups. The issuer with the id `provisioner` describes it by SCIM."""

    group_id: str
    name: str
    description: str
    status: GroupStatus
    created_at: datetime
    updated_at: datetime
    owner: str | None = None
    provisioner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One user in one group; memberships that differ only in their owner are equal."""

    user_id: str
    group_id: str
    owner: str | None = field(default=None, compare=False)
