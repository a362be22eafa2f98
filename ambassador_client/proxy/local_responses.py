"""What the proxy says itself: the handshakes, which must not wait for the network, and errors."""

import json
from typing import Any, Final

from ambassador_client.errors import (
    ClientError,
    NoCredentialsError,
    ServerRefusedError,
    TooLargeError,
    UnreachableError,
    UntrustedCertificateError,
)
from ambassador_client.proxy.message import Message, RequestId
from ambassador_protocol import __version__
from ambassador_protocol.jsonrpc import Code, error_reply
from ambassador_protocol.mcp import (
    FEATURES,
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    META_SERVER_INFO,
    MODERN_VERSIONS,
)
from ambassador_protocol.problems import ProblemCode

_SERVER_INFO = {"name": "mcp-ambassador", "title": "MCP Ambassador", "version": __version__}
_DISCOVER_TTL_MS = 3_600_000

_KINDS: tuple[tuple[type[ClientError], Code], ...] = (
    (NoCredentialsError, Code.NOT_AUTHENTICATED),
    (UnreachableError, Code.SERVER_UNREACHABLE),
    (UntrustedCertificateError, Code.SERVER_UNREACHABLE),
    (TooLargeError, Code.TOO_LARGE),
)

_STATUSES = {
    401: Code.NOT_AUTHENTICATED,
    403: Code.DENIED,
    413: Code.TOO_LARGE,
    429: Code.OVERLOADED,
    502: Code.SERVER_UNREACHABLE,
    503: Code.OVERLOADED,
    504: Code.SERVER_UNREACHABLE,
}

_PROBLEMS = {
    ProblemCode.AUDIT_UNAVAILABLE.value: Code.AUDIT_UNAVAILABLE,
    ProblemCode.DOWNSTREAM_UNAVAILABLE.value: Code.DOWNSTREAM_UNAVAILABLE,
    ProblemCode.DOWNSTREAM_TIMEOUT.value: Code.DOWNSTREAM_TIMEOUT,
}

EMPTY: Final[dict[str, dict[str, Any]]] = {
    "prompts/list": {"prompts": []},
    "resources/list": {"resources": []},
    "resources/templates/list": {"resourceTemplates": []},
    "completion/complete": {"completion": {"values": []}},
    "logging/setLevel": {},
}
"""We say that we have these before we know the server."""

TOOLS_CHANGED = b'{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'


def choose_version(params: dict[str, Any]) -> str:
    """Return the version the host asked for when it is one of the handshake era, else the latest of that era."""
    wanted = params.get("protocolVersion")
    return wanted if wanted in LEGACY_VERSIONS else LATEST_LEGACY


def initialized(message: Message, version: str) -> bytes:
    """Answer `initialize`."""
    result = {"protocolVersion": version, "capabilities": FEATURES, "serverInfo": _SERVER_INFO}
    return _result(message.id, result)


def discovered(message: Message) -> bytes:
    """Answer `server/discover`."""
    if message.version is not None and message.version not in MODERN_VERSIONS:
        data = {"supported": list(MODERN_VERSIONS), "requested": message.version}
        return failed(message.id, Code.UNSUPPORTED_VERSION, "Unsupported protocol version", data)
    result = {
        "resultType": "complete",
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": FEATURES,
        "ttlMs": _DISCOVER_TTL_MS,
        "cacheScope": "private",
        "_meta": {META_SERVER_INFO: _SERVER_INFO},
    }
    return _result(message.id, result)


def pong(message: Message) -> bytes:
    """Answer `ping`."""
    return _result(message.id, {"resultType": "complete"} if message.is_modern else {})


def nothing(message: Message) -> bytes:
    """Answer for a server that does not have a method of EMPTY: there is none of what was asked for."""
    result = EMPTY[message.method or ""]
    if message.is_modern:
        result = {**result, "resultType": "complete"}
        if message.method != "completion/complete":
            result |= {"ttlMs": 0, "cacheScope": "private"}
    return _result(message.id, result)


def failed(request_id: RequestId | None, code: int, text: str, data: dict[str, Any] | None = None) -> bytes:
    """Answer with an error."""
    return _line(error_reply(request_id, code, text, data))


def failure(request_id: RequestId | None, error: ClientError) -> bytes:
    """Answer with an error of the client or of the HTTP side of the server."""
    data = {"code": error.code}
    if isinstance(error, ServerRefusedError) and error.request_id is not None:
        data["request_id"] = error.request_id
    return failed(request_id, _code_of(error), str(error), data)


def _code_of(error: ClientError) -> Code:
    if isinstance(error, ServerRefusedError):
        return _PROBLEMS.get(error.code) or _STATUSES.get(error.status, Code.INTERNAL_ERROR)
    return next((code for kind, code in _KINDS if isinstance(error, kind)), Code.INTERNAL_ERROR)


def _result(request_id: RequestId | None, result: dict[str, Any]) -> bytes:
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result})


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
