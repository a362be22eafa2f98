"""The modern era towards hosts (2026-07-28): independent requests, whose headers and `_meta` are checked first."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    META_CLIENT_CAPABILITIES,
    META_LOG_LEVEL,
    META_SERVER_INFO,
    MODERN_VERSIONS,
)
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.errors import AmbassadorError
from ambassador_server.mcp.answer_streams import AnswerStream, reads_streams
from ambassador_server.mcp.caller import Caller, Method, Outcome, Page, is_large
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Message,
    Notification,
    Request,
    Response,
    error_response,
    read_members,
    result_response,
    write_members,
)
from ambassador_server.mcp.identity import INSTRUCTIONS, SERVER_INFO, server_capabilities
from ambassador_server.mcp.methods.dispatch import Methods
from ambassador_server.mcp.methods.logging import read_level
from ambassador_server.mcp.methods.subscriptions import Subscriptions
from ambassador_server.mcp.questions.capabilities import forwarded
from ambassador_server.mcp.replies import ACCEPTED, failure, json_reply, refusal
from ambassador_server.mcp.validation import Refusal, check_modern
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.face import EventStream, FaceReply, FaceRequest
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.tool_results import INVALID_RESULT

_COMPLETE: Final = msgspec.Raw(b'"complete"')
# What a principal sees depends on its grants, so no shared cache may keep it.
_PAGE_END: Final = b'],"resultType":"complete","ttlMs":0,"cacheScope":"private"}'


class _Kind(msgspec.Struct):
    resultType: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct):
    code: int


_kind_decoder = msgspec.json.Decoder(_Kind)
_error_decoder = msgspec.json.Decoder(_Error)


class ModernEra:
    """Answers independent messages. Questions are part of results, so a host is never sent one."""

    def __init__(self, *, methods: Methods, catalog: Catalog, subscriptions: Subscriptions) -> None:
        self._tools = methods.tools
        self._subscriptions = subscriptions
        self._catalog = catalog
        self._methods: dict[str, Method] = {
            "server/discover": self._discover,
            **methods.by_name,
            **methods.modern,
        }

    async def handle(self, message: Message, request: FaceRequest) -> FaceReply | EventStream:
        """Answer one message."""
        if isinstance(message, Notification):
            # A cancellation is the end of the connection; by its id a caller could cancel the call of another.
            return ACCEPTED
        if isinstance(message, Response):
            return refusal(400, None, Code.INVALID_REQUEST, "This version of the protocol posts no responses")
        checked = check_modern(message, request.headers)
        if isinstance(checked, Refusal):
            return refusal(checked.status, message.id, checked.code, checked.message, checked.data)
        method = self._methods.get(message.method)
        if message.method == "subscriptions/listen":
            return await self._listen(message, request, checked)
        if method is None:
            text = f"Method not found: {message.method[:100]}"
            return refusal(404, message.id, Code.METHOD_NOT_FOUND, text)
        try:
            caller = _caller(request, checked)
            if message.method == "tools/call":
                await self._tools.check_mirrored_arguments(message, request.principal, request.headers)
            outcome = await method(message, caller)
            if is_large(outcome):
                return json_reply(await off_loop(_shaped, message.id, outcome))
            return json_reply(_shaped(message.id, outcome), _status(outcome))
        except (EnvelopeError, AmbassadorError) as error:
            return failure(message.id, error, request.origin)

    async def _listen(
        self, message: Request, request: FaceRequest, meta: Mapping[str, msgspec.Raw]
    ) -> FaceReply | EventStream:
        if not reads_streams(request):
            return refusal(406, message.id, Code.INVALID_REQUEST, f"Accept must list {EVENT_STREAM}")
        try:
            return await self._subscriptions.listen(message, _caller(request, meta))
        except (EnvelopeError, AmbassadorError) as error:
            return failure(message.id, error, request.origin)

    async def _discover(self, _: Request, caller: Caller) -> Outcome:
        result = {
            "resultType": "complete",
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": server_capabilities(self._catalog.features(caller.principal), modern=True),
            "instructions": INSTRUCTIONS,
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {META_SERVER_INFO: SERVER_INFO},
        }
        return Reply(result=msgspec.json.encode(result), error=None)


def _caller(request: FaceRequest, meta: Mapping[str, msgspec.Raw]) -> Caller:
    return Caller(
        principal=request.principal,
        origin=request.origin,
        capabilities=forwarded(meta[META_CLIENT_CAPABILITIES]),
        tell=AnswerStream(request).teller(),
        ask=None,
        is_modern=True,
        log_level=read_level(meta.get(META_LOG_LEVEL), f"_meta.{META_LOG_LEVEL}"),
    )


def _status(outcome: Outcome) -> int:
    """Return the HTTP status: a request that needs another capability of the client is a bad one."""
    if isinstance(outcome, Page) or outcome.error is None:
        return 200
    return 400 if _error_decoder.decode(outcome.error).code == Code.MISSING_CAPABILITY else 200


def _shaped(message_id: bytes, outcome: Outcome) -> bytes:
    """Return the response, with the members that every result of this era has."""
    if isinstance(outcome, Page):
        return result_response(message_id, b'{"' + outcome.member + b'":[' + outcome.items + _PAGE_END)
    if outcome.result is None:
        return error_response(message_id, outcome.error or b"null")
    result = outcome.result
    try:
        kind = bytes(_kind_decoder.decode(result).resultType)
        if not kind or (not kind.startswith(b'"') and len(result) > LARGE):
            # Added without splitting the result, which takes long if it has many members.
            result = _with_kind(result.strip())
        elif not kind.startswith(b'"'):
            result = write_members(read_members(result) | {"resultType": _COMPLETE})
    except msgspec.MsgspecError:
        return error_response(message_id, INVALID_RESULT.error or b"null")
    return result_response(message_id, result)


def _with_kind(result: bytes) -> bytes:
    separator = b"" if result[1:-1].isspace() or result == b"{}" else b","
    return result[:-1] + separator + b'"resultType":"complete"}'
