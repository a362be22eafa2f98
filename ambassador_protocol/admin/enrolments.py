"""Bodies of `/v1/admin/enrolments`."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEnrolment:
    """`POST /v1/admin/enrolments`: issues a one-time code; `key_expires_in_seconds` counts from its exchange."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    user: str
    name: str
    expires_in_seconds: int = 900
    key_expires_in_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedEnrolment:
    """A new one-time code; `code` is returned only here."""

    id: str
    user: str
    name: str
    code: str
    expires_at: str
    key_expires_in_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentView:
    """An enrolment whose code can still be exchanged, without the code."""

    id: str
    user: str
    name: str
    created_by: str
    created_at: str
    expires_at: str
    key_expires_in_seconds: int | None
