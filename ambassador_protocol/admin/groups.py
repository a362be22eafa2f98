"""Bodies of `/v1/admin/groups`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import GroupStatus
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """`POST /v1/admin/groups`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPut:
    """`PUT` and `PATCH /v1/admin/groups/{name}`: what is absent stays as it is, or begins as it does by default."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    description: str | None = None
    status: GroupStatus | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipView:
    """A user in a group, and the declarative file that put them there."""

    group: str
    user: str
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with its members' names."""

    name: str
    description: str
    status: GroupStatus
    members: list[str]
    owner: str | None
    created_at: str
