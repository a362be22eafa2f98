"""Bodies of `/v1/admin/users`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """`POST /v1/admin/users`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    name: str
    display_name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserView:
    """A user as the admin API shows it."""

    name: str
    display_name: str
    email: str | None
    status: str
    groups: list[str]
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """`PATCH /v1/admin/users/{name}`: only the members that are present change."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    status: str
