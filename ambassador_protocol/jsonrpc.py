"""JSON-RPC 2.0 error codes and the error response.

The product's own codes lie outside the range that the specification reserves (-32768 to -32000).
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """Every JSON-RPC error code that the three programs send."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    HEADER_MISMATCH = -32020
    MISSING_CAPABILITY = -32021
    UNSUPPORTED_VERSION = -32022

    DENIED = -31001
    DOWNSTREAM_UNAVAILABLE = -31002
    DOWNSTREAM_TIMEOUT = -31003
    SERVER_UNREACHABLE = -31004
    NOT_AUTHENTICATED = -31005
    AUDIT_UNAVAILABLE = -31006
    TOO_LARGE = -31007
    OVERLOADED = -31008


def error_reply(
    request_id: str | int | None, code: int, message: str, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return an error response; `request_id` is None only when the id of the request could not be read."""
    error: dict[str, Any] = {"code": int(code), "message": message}
    if data is not None:
        error["data"] = dict(data)
    return {"jsonrpc": "2.0", "id": request_id, "error": error}
