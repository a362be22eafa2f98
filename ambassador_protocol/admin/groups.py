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
    """`PUT` and `PATCH /v1/admin/groups/{name}`: absent members stay as they are, or get their defaults."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    description: str | None = None
    status: GroupStatus | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipView:
    """A user in a group; `owner` is the label of the declarative file that added the user, None without one."""

    group: str
    user: str
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with the names of its members; `described_by` is the issuer that describes it by SCIM."""

    name: str
    description: str
    status: GroupStatus
    members: list[str]
    owner: str | None
    created_at: str
    described_by: str | None = None
