"""Replies of the `/mcp` endpoint: status, body and headers, and the JSON-RPC codes of the server's own errors."""

from typing import Any, Final

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.audit.events import RATE_LIMITED
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
    PolicyStaleError,
    RateLimitedError,
    ServerStoppingError,
    entry_for,
)
from ambassador_server.mcp.envelope import EnvelopeError, error_object, error_response
from ambassador_server.ports.face import FaceReply

_JSON: Final = {"Content-Type": "application/json"}

_ERROR_CODES: dict[type[AmbassadorError], Code] = {
    AuditUnavailableError: Code.AUDIT_UNAVAILABLE,
    DownstreamTimeoutError: Code.DOWNSTREAM_TIMEOUT,
    DownstreamUnavailableError: Code.DOWNSTREAM_UNAVAILABLE,
    OverloadedError: Code.OVERLOADED,
    InvalidInputError: Code.INVALID_PARAMS,
    PolicyStaleError: Code.DENIED,
    RateLimitedError: Code.OVERLOADED,
    ServerStoppingError: Code.SERVER_UNREACHABLE,
}

_REASONS: dict[type[AmbassadorError], str] = {
    PolicyStaleError: Reason.POLICY_STALE.value,
    RateLimitedError: RATE_LIMITED,
    ServerStoppingError: "server_stopping",
}
"""What `data.reason` says of an error, as in the refusal of a call."""

ACCEPTED: Final = FaceReply(status=202)
"""The reply to a notification or a response."""


def unreadable(error: EnvelopeError) -> FaceReply:
    """Return the response to a message that is refused before it is served."""
    return refusal(400 if error.message_id is None else 200, error.message_id, error.code, error.message)


def json_reply(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> FaceReply:
    """Return a reply with a JSON body."""
    return FaceReply(status=status, body=body, headers=_JSON if headers is None else _JSON | headers)


def refusal(
    status: int, message_id: bytes | None, code: Code, text: str, data: dict[str, Any] | None = None
) -> FaceReply:
    """Return an error response of this server with its HTTP status."""
    return json_reply(error_response(message_id, error_object(code, text, data)), status)


def failure(message_id: bytes, error: EnvelopeError | AmbassadorError, origin: Origin) -> FaceReply:
    """Return the response for an error that a method raised."""
    if isinstance(error, EnvelopeError):
        status = 400 if error.code is Code.HEADER_MISMATCH else 200
        return refusal(status, message_id, error.code, error.message)
    code = entry_for(error, _ERROR_CODES) or Code.INTERNAL_ERROR
    reason = entry_for(error, _REASONS)
    data: dict[str, Any] | None = None if reason is None else {"reason": reason}
    if data is not None and isinstance(error, RateLimitedError):
        data["retryAfterSeconds"] = error.retry_after
    return refusal(200, message_id, code, f"{error.message} (request {origin.request_id})", data)
