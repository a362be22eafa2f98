"""The error body of the HTTP APIs (RFC 9457) and its error codes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class ProblemCode(StrEnum):
    """Every error code; a number never changes its meaning and is never reused."""

    INTERNAL = "AMB-1000"
    BAD_REQUEST = "AMB-1001"
    NOT_FOUND = "AMB-1002"
    METHOD_NOT_ALLOWED = "AMB-1003"
    TOO_LARGE = "AMB-1004"
    UNSUPPORTED_MEDIA_TYPE = "AMB-1005"
    CONFLICT = "AMB-1006"
    FORBIDDEN_ORIGIN = "AMB-1007"
    NOT_READY = "AMB-1008"
    OVERLOADED = "AMB-1010"
    CHANGED_MEANWHILE = "AMB-1011"

    INVALID_CREDENTIALS = "AMB-2001"
    SESSION_INVALID = "AMB-2002"
    RATE_LIMITED = "AMB-2003"

    DENIED = "AMB-3001"
    MISSING_RIGHT = "AMB-3002"
    CASES_FAILED = "AMB-3003"
    INCOMPLETE = "AMB-3004"

    DOWNSTREAM_UNAVAILABLE = "AMB-4001"
    DOWNSTREAM_TIMEOUT = "AMB-4002"
    AUDIT_UNAVAILABLE = "AMB-4003"
    POLICY_STALE = "AMB-4004"
    AUDIT_BROKEN = "AMB-4005"
    TOOL_FAILED = "AMB-4006"

    UNREACHABLE = "AMB-5001"
    UNTRUSTED_CERTIFICATE = "AMB-5002"
    INVALID_SETTINGS = "AMB-5003"
    NO_CREDENTIALS = "AMB-5004"
    BAD_ANSWER = "AMB-5005"
    HOST_FILE = "AMB-5006"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the code that a person wrote as `AMB-5001`, `amb-5001` or `5001`, or None for any other text."""
        number = text.strip().upper().removeprefix("AMB-")
        return next((code for code in cls if code.value == f"AMB-{number}"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error over HTTP; `error` and `message` repeat it for clients of the original protocol.

    `operation` is the index of the failed operation in a batch. `parameter` names a query parameter that could not be
    parsed, and `position` is the index of the first wrong character in it. Both indexes count from 0.
    """

    status: int
    code: ProblemCode
    error: str
    message: str
    request_id: str
    hint: str | None = None
    operation: int | None = None
    parameter: str | None = None
    position: int | None = None

    def body(self) -> dict[str, Any]:
        """Return the members of `application/problem+json`."""
        body: dict[str, Any] = {
            "type": f"urn:mcp-ambassador:problem:{self.code.value}",
            "title": self.error.replace("_", " "),
            "status": self.status,
            "detail": self.message,
            "code": self.code.value,
            "request_id": self.request_id,
            "error": self.error,
            "message": self.message,
        }
        if self.hint is not None:
            body["hint"] = self.hint
        for name in ("operation", "parameter", "position"):
            if (value := getattr(self, name)) is not None:
                body[name] = value
        return body
