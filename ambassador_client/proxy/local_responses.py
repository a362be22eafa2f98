"""Builds the messages that the proxy sends on its own: handshakes, pings, empty lists and errors."""

import json
from collections.abc import Mapping
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
    CLIENT_FEATURES,
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    LISTED_FEATURES,
    META_SERVER_INFO,
    MODERN_VERSIONS,
)
from ambassador_protocol.problems import ProblemCode

_SERVER_INFO = {"name": "mcp-ambassador", "title": "MCP Ambassador", "version": __version__}

_CODE_BY_ERROR: tuple[tuple[type[ClientError], Code], ...] = (
    (NoCredentialsError, Code.NOT_AUTHENTICATED),
    (UnreachableError, Code.SERVER_UNREACHABLE),
    (UntrustedCertificateError, Code.SERVER_UNREACHABLE),
    (TooLargeError, Code.TOO_LARGE),
)

_CODE_BY_STATUS = {
    401: Code.NOT_AUTHENTICATED,
    403: Code.DENIED,
    413: Code.TOO_LARGE,
    429: Code.OVERLOADED,
    502: Code.SERVER_UNREACHABLE,
    503: Code.OVERLOADED,
    504: Code.SERVER_UNREACHABLE,
}

_CODE_BY_PROBLEM = {
    ProblemCode.AUDIT_UNAVAILABLE.value: Code.AUDIT_UNAVAILABLE,
    ProblemCode.DOWNSTREAM_UNAVAILABLE.value: Code.DOWNSTREAM_UNAVAILABLE,
    ProblemCode.DOWNSTREAM_TIMEOUT.value: Code.DOWNSTREAM_TIMEOUT,
}

EMPTY_RESULTS: Final[dict[str, dict[str, Any]]] = {
    "prompts/list": {"prompts": []},
    "resources/list": {"resources": []},
    "resources/templates/list": {"resourceTemplates": []},
    "completion/complete": {"completion": {"values": []}},
    "logging/setLevel": {},
}
"""Results of methods that some hosts call although they are not declared; used where the server lacks the method."""

RESOURCES_CHANGED: Final = b"notifications/resources/list_changed"

Features = Mapping[str, Mapping[str, Any]]
"""What a server declares to have, by the names of the protocol."""


def declared_features(known: Features | None) -> Features:
    """Return what a legacy host is told: what the server has, or everything possible if that is not known yet.

    The client says itself when lists may differ: after a break of the connection.
    """
    if known is None:
        return CLIENT_FEATURES
    return {
        name: {**flags, "listChanged": True} if name in LISTED_FEATURES else flags
        for name, flags in known.items()
    }


def update_notification(uri: str) -> bytes:
    """Return the notification that a resource may have been updated."""
    return _encode({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}})


def change_notifications(features: Features) -> list[bytes]:
    """Return the notifications that the lists of these features may have changed."""
    lists = [name for name in LISTED_FEATURES if name in features]
    return [_encode({"jsonrpc": "2.0", "method": f"notifications/{name}/list_changed"}) for name in lists]


def negotiate_version(params: dict[str, Any]) -> str:
    """Return the requested version if it belongs to the legacy era, else the latest legacy version."""
    wanted = params.get("protocolVersion")
    return wanted if wanted in LEGACY_VERSIONS else LATEST_LEGACY


def initialize_response(message: Message, version: str, known: Features | None = None) -> bytes:
    """Return the response to `initialize`; `known` is what the server has, if that is known."""
    features = declared_features(known)
    result = {"protocolVersion": version, "capabilities": features, "serverInfo": _SERVER_INFO}
    return _result(message.id, result)


def discover_response(message: Message, known: Features | None = None) -> bytes:
    """Return the response to `server/discover` where the server gives none; a host must not keep it."""
    result = {
        "resultType": "complete",
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": CLIENT_FEATURES if known is None else known,
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {META_SERVER_INFO: _SERVER_INFO},
    }
    return _result(message.id, result)


def unsupported_version_response(message: Message) -> bytes:
    """Return the error for a request in a version that is not supported; with it a host can choose another."""
    data = {"supported": list(MODERN_VERSIONS), "requested": message.version}
    return error_response(message.id, Code.UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def ping_response(message: Message) -> bytes:
    """Return the response to `ping`."""
    return _result(message.id, {"resultType": "complete"} if message.is_modern else {})


def empty_response(message: Message) -> bytes:
    """Return an empty result for a method of EMPTY_RESULTS that the server does not have."""
    result = EMPTY_RESULTS[message.method or ""]
    if message.is_modern:
        result = {**result, "resultType": "complete"}
        if message.method != "completion/complete":
            result |= {"ttlMs": 0, "cacheScope": "private"}
    return _result(message.id, result)


def error_response(
    request_id: RequestId | None, code: int, text: str, data: dict[str, Any] | None = None
) -> bytes:
    """Return an error response."""
    return _encode(error_reply(request_id, code, text, data))


def client_error_response(request_id: RequestId | None, error: ClientError) -> bytes:
    """Return an error response for a client error, with its code and, where known, the server's request id."""
    data = {"code": error.code}
    if isinstance(error, ServerRefusedError) and error.request_id is not None:
        data["request_id"] = error.request_id
    return error_response(request_id, _code_of(error), str(error), data)


def _code_of(error: ClientError) -> Code:
    if isinstance(error, ServerRefusedError):
        return _CODE_BY_PROBLEM.get(error.code) or _CODE_BY_STATUS.get(error.status, Code.INTERNAL_ERROR)
    return next((code for kind, code in _CODE_BY_ERROR if isinstance(error, kind)), Code.INTERNAL_ERROR)


def _result(request_id: RequestId | None, result: dict[str, Any]) -> bytes:
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def _encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
