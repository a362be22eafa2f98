"""Bodies of `/v1/admin/keys`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.enumerations import KeyMetaTools, KeyStatus, KeyStatusChange
from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """`POST /v1/admin/keys`: issues a client key to a user."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    user: str
    name: str
    expires_in_seconds: int | None = None
    owner: str | None = None
    meta_tools: KeyMetaTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPut:
    """`PUT /v1/admin/keys/{user}/{name}`: `expires_in_seconds` applies only when a new key is issued."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    expires_in_seconds: int | None = None
    owner: str | None = None
    meta_tools: KeyMetaTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """`PATCH /v1/admin/keys/{id}`: absent members stay as they are; `status` is `active` or `suspended`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    status: KeyStatusChange | None = None
    meta_tools: KeyMetaTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A client key without its secret."""

    id: str
    user: str
    name: str
    prefix: str
    status: KeyStatus
    expires_at: str | None
    last_used_at: str | None
    last_host: str | None
    owner: str | None
    meta_tools: KeyMetaTools
    created_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """`POST /v1/admin/keys/{id}/rotate`: `overlap_seconds` is how long the old key stays valid beside the new one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    overlap_seconds: int = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A client key; `preshared_key` is returned only here, and None when `PUT` found a valid key."""

    key: KeyView
    preshared_key: str | None
