"""Bodies of `/v1/admin/batch`: several changes in one transaction."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.admin.groups import GroupPut
from ambassador_protocol.admin.issuers import IssuerPut
from ambassador_protocol.admin.limits import LimitPut
from ambassador_protocol.admin.mcps import McpPut
from ambassador_protocol.admin.strict import STRICT
from ambassador_protocol.admin.users import UserPut

MAX_OPERATIONS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PutUser:
    """As `PUT /v1/admin/users/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-user"] = "put-user"
    name: str
    set: UserPut


@dataclass(frozen=True, slots=True, kw_only=True)
class PutGroup:
    """As `PUT /v1/admin/groups/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-group"] = "put-group"
    name: str
    set: GroupPut


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGroup:
    """As `DELETE /v1/admin/groups/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["remove-group"] = "remove-group"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember:
    """As `PUT /v1/admin/groups/{group}/members/{user}`; `claim` gives `owner` a membership without one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["add-member"] = "add-member"
    group: str
    user: str
    owner: str | None = None
    claim: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember:
    """As `DELETE /v1/admin/groups/{group}/members/{user}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["remove-member"] = "remove-member"
    group: str
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutGrant:
    """As `PUT /v1/admin/grants`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-grant"] = "put-grant"
    set: NewGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGrant:
    """As `DELETE /v1/admin/grants/{id}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["remove-grant"] = "remove-grant"
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutIssuer:
    """As `PUT /v1/admin/issuers/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-issuer"] = "put-issuer"
    name: str
    set: IssuerPut


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveIssuer:
    """As `DELETE /v1/admin/issuers/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["remove-issuer"] = "remove-issuer"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLimit:
    """As `PUT /v1/admin/limits/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-limit"] = "put-limit"
    name: str
    set: LimitPut


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLimit:
    """As `DELETE /v1/admin/limits/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["remove-limit"] = "remove-limit"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutMcp:
    """As `PUT /v1/admin/mcps/{name}`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["put-mcp"] = "put-mcp"
    name: str
    set: McpPut


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMcp:
    """As `POST /v1/admin/mcps/{name}/archive`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["archive-mcp"] = "archive-mcp"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey:
    """As `POST /v1/admin/keys/{id}/revoke`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    kind: Literal["revoke-key"] = "revoke-key"
    id: str


BatchOperation = (
    PutUser
    | PutGroup
    | RemoveGroup
    | AddMember
    | RemoveMember
    | PutGrant
    | RemoveGrant
    | PutIssuer
    | RemoveIssuer
    | PutLimit
    | RemoveLimit
    | PutMcp
    | ArchiveMcp
    | RevokeKey
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """`POST /v1/admin/batch`: at most MAX_OPERATIONS; an error names the index of the failed `operation`."""

    operations: list[BatchOperation]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone:
    """The number of operations carried out, which is all of them, and the warnings of all."""

    done: int
    warnings: list[str] = field(default_factory=list)
