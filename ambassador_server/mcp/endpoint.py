"""The `/mcp` endpoint: tells the eras apart, validates, and calls the method."""

from collections.abc import Awaitable, Callable

import msgspec

from ambassador_protocol import __version__
from ambassador_protocol.events import EVENT_STREAM
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    META_SERVER_INFO,
    META_VERSION,
    MODERN_VERSIONS,
    VERSION_HEADER,
    is_legacy,
)
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
)
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Message,
    error_body,
    read_members,
    read_message,
    result_reply,
)
from ambassador_server.mcp.methods.tools import ToolMethods
from ambassador_server.mcp.validation import Refusal, check_modern
from ambassador_server.ports.face import FaceReply, FaceRequest

_SERVER_INFO = {"name": "mcp-ambassador", "title": "MCP Ambassador", "version": __version__}
_INSTRUCTIONS = "Tools your organisation published for you. Tools may appear and disappear as grants change."
_JSON = {"Content-Type": "application/json"}

_ERROR_CODES: dict[type[AmbassadorError], Code] = {
    AuditUnavailableError: Code.AUDIT_UNAVAILABLE,
    DownstreamTimeoutError: Code.DOWNSTREAM_TIMEOUT,
    DownstreamUnavailableError: Code.DOWNSTREAM_UNAVAILABLE,
    OverloadedError: Code.OVERLOADED,
    InvalidInputError: Code.INVALID_PARAMS,
}

Method = Callable[[Message, FaceRequest], Awaitable[bytes]]


class McpEndpoint:
    """Implements `ports.face.McpFace` for the sessions era and the stateless era on one path."""

    def __init__(self, tools: ToolMethods) -> None:
        self._tools = tools
        self._legacy: dict[str, Method] = {
            "initialize": _initialize,
            "ping": _ping,
            "tools/list": self._legacy_list,
            "tools/call": self._legacy_call,
        }
        self._modern: dict[str, Method] = {
            "server/discover": _discover,
            "tools/list": self._modern_list,
            "tools/call": self._modern_call,
        }

    async def handle(self, request: FaceRequest) -> FaceReply:
        """Answer one POST."""
        refused = _check_media_types(request)
        if refused is not None:
            return refused
        try:
            message = read_message(request.body)
        except EnvelopeError as error:
            return _json(400, error_body(None, error.code, error.message))
        legacy = is_legacy(request.headers.get(VERSION_HEADER))
        if message.id is None:
            return FaceReply(status=202)
        if legacy and _says_modern(message):
            text = f"{VERSION_HEADER} is missing or older than the version in _meta"
            return _json(400, error_body(message.id, Code.HEADER_MISMATCH, text))
        refusal = None if legacy else check_modern(message, request.headers)
        if refusal is not None:
            return _refused(message.id, refusal)
        method = (self._legacy if legacy else self._modern).get(message.method)
        if method is None:
            text = f"Method not found: {message.method[:100]}"
            return _json(200 if legacy else 404, error_body(message.id, Code.METHOD_NOT_FOUND, text))
        return await _run(method, message, request, message.id)

    async def _legacy_list(self, message: Message, request: FaceRequest) -> bytes:
        return self._tools.list(message, request, modern=False)

    async def _modern_list(self, message: Message, request: FaceRequest) -> bytes:
        return self._tools.list(message, request, modern=True)

    async def _legacy_call(self, message: Message, request: FaceRequest) -> bytes:
        return await self._tools.call(message, request, modern=False)

    async def _modern_call(self, message: Message, request: FaceRequest) -> bytes:
        return await self._tools.call(message, request, modern=True)


async def _run(method: Method, message: Message, request: FaceRequest, message_id: bytes) -> FaceReply:
    try:
        return _json(200, await method(message, request))
    except EnvelopeError as error:
        status = 400 if error.code is Code.HEADER_MISMATCH else 200
        return _json(status, error_body(message_id, error.code, error.message))
    except AmbassadorError as error:
        code = _ERROR_CODES.get(type(error), Code.INTERNAL_ERROR)
        text = f"{error.message} (request {request.origin.request_id})"
        return _json(200, error_body(message_id, code, text))


async def _initialize(message: Message, _: FaceRequest) -> bytes:
    try:
        asked = msgspec.json.decode(message.params["protocolVersion"], type=str)
    except (KeyError, msgspec.MsgspecError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, "params.protocolVersion is required") from error
    result = {
        "protocolVersion": asked if asked in LEGACY_VERSIONS else LATEST_LEGACY,
        "capabilities": {"tools": {}},
        "serverInfo": _SERVER_INFO,
        "instructions": _INSTRUCTIONS,
    }
    return result_reply(message.id or b"null", msgspec.json.encode(result))


async def _ping(message: Message, _: FaceRequest) -> bytes:
    return result_reply(message.id or b"null", b"{}")


async def _discover(message: Message, _: FaceRequest) -> bytes:
    result = {
        "resultType": "complete",
        "supportedVersions": list(MODERN_VERSIONS),
        "capabilities": {"tools": {}},
        "instructions": _INSTRUCTIONS,
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {META_SERVER_INFO: _SERVER_INFO},
    }
    return result_reply(message.id or b"null", msgspec.json.encode(result))


def _says_modern(message: Message) -> bool:
    """Tell whether a body of the stateless era came without its header; it must not run as the other era."""
    if "_meta" not in message.params or message.method == "initialize":
        return False
    try:
        return META_VERSION in read_members(message.params["_meta"])
    except EnvelopeError:
        return False


def _check_media_types(request: FaceRequest) -> FaceReply | None:
    content_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return _json(415, error_body(None, Code.INVALID_REQUEST, "Content-Type must be application/json"))
    accept = (request.headers.get("Accept") or "").lower()
    if "*/*" not in accept and not ("application/json" in accept and EVENT_STREAM in accept):
        text = f"Accept must list application/json and {EVENT_STREAM}"
        return _json(406, error_body(None, Code.INVALID_REQUEST, text))
    return None


def _refused(message_id: bytes, refusal: Refusal) -> FaceReply:
    return _json(refusal.status, error_body(message_id, refusal.code, refusal.message, refusal.data))


def _json(status: int, body: bytes) -> FaceReply:
    return FaceReply(status=status, body=body, headers=_JSON)
