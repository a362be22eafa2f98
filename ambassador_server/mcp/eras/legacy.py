"""The legacy era towards hosts (2024-11-05 to 2025-11-25): conversations, their streams, and questions on those."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from ambassador_protocol.event_stream import EVENT_STREAM, LAST_EVENT_ID
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    LATEST_LEGACY,
    LEGACY_VERSIONS,
    SESSION_HEADER,
    VERSION_HEADER,
)
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.errors import AmbassadorError, InvalidInputError
from ambassador_server.mcp.answer_streams import AnswerStream, ResumableStream, reads_streams
from ambassador_server.mcp.caller import Caller, Method, Outcome, Page, is_large
from ambassador_server.mcp.conversations import Conversation, Conversations
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Message,
    Notification,
    Request,
    Response,
    error_object,
    error_response,
    read_members,
    result_response,
    write_members,
)
from ambassador_server.mcp.identity import INSTRUCTIONS, SERVER_INFO, server_capabilities
from ambassador_server.mcp.methods.dispatch import Methods
from ambassador_server.mcp.methods.logging import read_level
from ambassador_server.mcp.methods.subscriptions import Subscriptions
from ambassador_server.mcp.questions.asking import asker
from ambassador_server.mcp.questions.capabilities import askable
from ambassador_server.mcp.replies import ACCEPTED, failure, json_reply, refusal
from ambassador_server.mcp.validation import carries_modern_version
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.face import EventStream, FaceReply, FaceRequest
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.tool_results import INVALID_RESULT, unfinished_text

_MODERN_MEMBERS: Final = frozenset({"resultType", "ttlMs", "cacheScope"})


class _ModernMembers(msgspec.Struct):
    resultType: msgspec.Raw = msgspec.Raw()
    structuredContent: msgspec.Raw = msgspec.Raw()


_modern_decoder = msgspec.json.Decoder(_ModernMembers)


class LegacyEra:
    """Answers messages of hosts that begin with `initialize`."""

    def __init__(
        self,
        *,
        methods: Methods,
        catalog: Catalog,
        conversations: Conversations,
        subscriptions: Subscriptions,
    ) -> None:
        self._conversations = conversations
        self._catalog = catalog
        self._subscriptions = subscriptions
        self._methods: dict[str, Method] = {"ping": _ping, **methods.by_name}
        self._own_methods: dict[str, Callable[[Request, FaceRequest], Awaitable[FaceReply]]] = {
            "initialize": self._initialize,
            "logging/setLevel": self._set_level,
            "resources/subscribe": self._subscribe,
            "resources/unsubscribe": self._unsubscribe,
        }

    def handle(self, message: Message, request: FaceRequest) -> Coroutine[None, None, FaceReply]:
        """Answer one message."""
        named = request.headers.get(SESSION_HEADER)
        if named is not None and self._conversations.has_ended(request.principal, named):
            return _refuse_ended(message)
        if isinstance(message, Request):
            return self._answer(message, request)
        return self._take(message, request)

    async def _take(self, message: Notification | Response, request: FaceRequest) -> FaceReply:
        conversation = self._conversation(request)
        if isinstance(message, Notification):
            if message.method == "notifications/cancelled" and conversation is not None:
                conversation.cancel(bytes(message.params.get("requestId", b"")))
            return ACCEPTED
        return _take_answer(message, conversation)

    async def listen(self, request: FaceRequest) -> FaceReply | EventStream:
        """Open the stream of the conversation that the request names, or resume one of its streams."""
        named = request.headers.get(SESSION_HEADER)
        if named is None:
            return FaceReply(status=405, headers={"Allow": "POST, DELETE"})
        if not reads_streams(request):
            return refusal(406, None, Code.INVALID_REQUEST, f"Accept must list {EVENT_STREAM}")
        conversation = self._conversations.known(request.principal, named)
        if conversation is None:
            return FaceReply(status=404)
        try:
            return await self._subscriptions.open(
                conversation,
                request.principal,
                request.headers.get(LAST_EVENT_ID),
                # Hosts of older versions take an event without a message for a broken one.
                tells_position=request.headers.get(VERSION_HEADER) == LATEST_LEGACY,
            )
        except InvalidInputError as error:
            return refusal(400, None, Code.INVALID_REQUEST, error.message)
        except AmbassadorError as error:
            text = f"{error.message} (request {request.origin.request_id})"
            return refusal(503, None, Code.OVERLOADED, text)

    def attend(self, principal: Principal, refused: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Call `refused` if nothing is permitted to the principal any more while the block runs."""
        return self._subscriptions.attend(principal, refused)

    def end(self, request: FaceRequest) -> FaceReply:
        """End the conversation that the request names, and the calls that run in it."""
        named = request.headers.get(SESSION_HEADER)
        if named is None or not self._conversations.end(request.principal, named):
            return FaceReply(status=404)
        return FaceReply(status=204)

    def _conversation(self, request: FaceRequest) -> Conversation | None:
        return self._conversations.of(request.principal, request.headers.get(SESSION_HEADER))

    async def _answer(self, message: Request, request: FaceRequest) -> FaceReply:
        own = self._own_methods.get(message.method)
        method = self._methods.get(message.method)
        if message.method != "initialize" and carries_modern_version(message):
            text = f"{VERSION_HEADER} is missing or older than the version in _meta"
            return refusal(400, message.id, Code.HEADER_MISMATCH, text)
        if own is not None:
            return await self._answer_own(own, message, request)
        if method is None:
            text = f"Method not found: {message.method[:100]}"
            return refusal(200, message.id, Code.METHOD_NOT_FOUND, text)
        conversation = self._conversation(request)
        stream = _stream(request, conversation)
        caller = _caller(request, conversation, stream)
        try:
            if conversation is None:
                outcome = await method(message, caller)
            else:
                with conversation.track(message.id):
                    outcome = await method(message, caller)
        except (EnvelopeError, AmbassadorError) as error:
            return stream.end(failure(message.id, error, request.origin))
        except asyncio.CancelledError:
            unanswered = stream.end(ACCEPTED)
            if conversation is None or not conversation.was_cancelled():
                raise
            return unanswered
        if is_large(outcome):
            return stream.end(json_reply(await off_loop(_shaped, message.id, outcome)))
        return stream.end(json_reply(_shaped(message.id, outcome)))

    async def _answer_own(
        self,
        own: Callable[[Request, FaceRequest], Awaitable[FaceReply]],
        message: Request,
        request: FaceRequest,
    ) -> FaceReply:
        try:
            return await own(message, request)
        except (EnvelopeError, AmbassadorError) as error:
            return failure(message.id, error, request.origin)

    async def _initialize(self, message: Request, request: FaceRequest) -> FaceReply:
        try:
            wanted = msgspec.json.decode(message.params["protocolVersion"], type=str)
        except (KeyError, msgspec.MsgspecError):
            return refusal(200, message.id, Code.INVALID_PARAMS, "params.protocolVersion is required")
        capabilities = askable(message.params.get("capabilities", msgspec.Raw(b"{}")))
        conversation_id = self._conversations.open(request.principal, capabilities)
        result = {
            "protocolVersion": wanted if wanted in LEGACY_VERSIONS else LATEST_LEGACY,
            "capabilities": server_capabilities(self._catalog.features(request.principal), modern=False),
            "serverInfo": SERVER_INFO,
            "instructions": INSTRUCTIONS,
        }
        body = result_response(message.id, msgspec.json.encode(result))
        return json_reply(body, headers={SESSION_HEADER: conversation_id})

    async def _set_level(self, message: Request, request: FaceRequest) -> FaceReply:
        level = read_level(message.params.get("level", msgspec.Raw(b"null")), "params.level")
        conversation = self._conversation(request)
        if conversation is not None:
            conversation.log_level = level
        return json_reply(result_response(message.id, b"{}"))

    async def _subscribe(self, message: Request, request: FaceRequest) -> FaceReply:
        conversation = self._named(request)
        caller = _caller(request, conversation, AnswerStream(request))
        reply = await self._subscriptions.subscribe(message, caller, conversation)
        return json_reply(_shaped(message.id, reply))

    async def _unsubscribe(self, message: Request, request: FaceRequest) -> FaceReply:
        return json_reply(_shaped(message.id, self._subscriptions.unsubscribe(message, self._named(request))))

    def _named(self, request: FaceRequest) -> Conversation | None:
        """Return the conversation that the request names; only such a one has a stream."""
        return self._conversation(request) if request.headers.get(SESSION_HEADER) else None


async def _refuse_ended(message: Message) -> FaceReply:
    message_id = message.id if isinstance(message, Request) else None
    return refusal(404, message_id, Code.INVALID_REQUEST, "This conversation has ended")


def _stream(request: FaceRequest, conversation: Conversation | None) -> AnswerStream:
    """Return the stream of a call; only a host that names its conversation can come back to resume it."""
    if conversation is None or request.headers.get(SESSION_HEADER) is None:
        return AnswerStream(request)
    return ResumableStream(request, conversation.sent)


def _caller(request: FaceRequest, conversation: Conversation | None, stream: AnswerStream) -> Caller:
    tell = stream.teller()
    return Caller(
        principal=request.principal,
        origin=request.origin,
        capabilities=b"{}" if conversation is None else conversation.capabilities,
        tell=tell,
        ask=asker(conversation, None if tell is None else stream.ask),
        is_modern=False,
        log_level=None if conversation is None else conversation.log_level,
    )


def _take_answer(message: Response, conversation: Conversation | None) -> FaceReply:
    result = message.reply.result
    if result is not None and not result.startswith(b"{"):
        # The question stays open.
        return refusal(400, None, Code.INVALID_REQUEST, "The result of a response is an object")
    if conversation is None or not conversation.answer(message.id, message.reply):
        # Without the id: the host may have a request of its own by that id.
        text = "No question of this conversation waits for this answer"
        return refusal(400, None, Code.INVALID_REQUEST, text)
    return ACCEPTED


def _shaped(message_id: bytes, outcome: Outcome) -> bytes:
    """Return the response, without what only the modern era has: some members, and structured content of any type."""
    if isinstance(outcome, Page):
        return result_response(message_id, b'{"' + outcome.member + b'":[' + outcome.items + b"]}")
    if outcome.result is None:
        return error_response(message_id, outcome.error or b"null")
    result = outcome.result
    # Searched with `find`: for bytes, `in` first tries another meaning, which takes several times as long.
    if result.find(b'"resultType"') < 0 and result.find(b'"structuredContent"') < 0:
        return result_response(message_id, result)
    try:
        found = _modern_decoder.decode(result)
        kind, structured = bytes(found.resultType), bytes(found.structuredContent)
        if kind.startswith(b'"') and kind != b'"complete"':
            return error_response(
                message_id, error_object(Code.DOWNSTREAM_UNAVAILABLE, unfinished_text(kind))
            )
        removed = _MODERN_MEMBERS if kind else frozenset()
        if structured and not structured.startswith(b"{"):
            removed |= {"structuredContent"}
        if removed:
            result = write_members({k: raw for k, raw in read_members(result).items() if k not in removed})
    except (msgspec.MsgspecError, EnvelopeError):
        return error_response(message_id, INVALID_RESULT.error or b"null")
    return result_response(message_id, result)


async def _ping(_: Request, __: Caller) -> Outcome:
    return Reply(result=b"{}", error=None)
