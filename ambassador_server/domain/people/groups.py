"""Groups of users, and who is a member of which."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class GroupStatus(StrEnum):
    """A suspended group grants nothing."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


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
