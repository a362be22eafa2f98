"""Batches: arrays of messages, which a host may send in the revision 2025-03-26 alone."""

from typing import Final, Protocol

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import BATCH_VERSION, MAX_BATCH
from ambassador_protocol.nesting import MAX_NESTING, is_too_deep
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.mcp.envelope import EnvelopeError, Message, Request, read_message
from ambassador_server.mcp.replies import ACCEPTED, json_reply, refusal, unreadable
from ambassador_server.ports.face import Event, FaceReply, FaceRequest, FirstEvent

BATCH_VERSIONS: Final = (None, BATCH_VERSION)
"""The version headers of requests that may be batches: their revision did not have the header yet."""
_LARGEST_REPLY: Final = 64 * 1024 * 1024
"""The bytes of answers after which the remaining requests of a batch are refused."""
_BLANKS: Final = 64
"""How many bytes are searched for the beginning of an array."""

# An array of fixed length: the decoder stops at the first message too many.
_FIELDS: Final = tuple(f"message_{number}" for number in range(MAX_BATCH))
_Batch = msgspec.defstruct(
    "_Batch",
    [(name, msgspec.Raw, msgspec.Raw()) for name in _FIELDS],
    array_like=True,
    forbid_unknown_fields=True,
)
_decoder = msgspec.json.Decoder(_Batch)


class Era(Protocol):
    """Answers single messages."""

    async def handle(self, message: Message, request: FaceRequest) -> FaceReply:
        """Answer one message."""
        ...


def is_array(body: bytes) -> bool:
    """Tell whether a body is an array."""
    return body[:_BLANKS].lstrip().startswith(b"[")


async def answer_batch(request: FaceRequest, era: Era) -> FaceReply:
    """Answer the messages one after another, so that a batch needs no more at a time than a single message.

    The answers are one array in the order of the requests.
    """
    body = request.body
    try:
        messages = read_batch(body) if len(body) <= LARGE else await off_loop(read_batch, body)
    except EnvelopeError as error:
        return refusal(400, None, error.code, error.message)
    request = _without_resumption(request)
    answers: list[bytes] = []
    has_request, status, size = False, 200, 0
    for message in messages:
        if size <= _LARGEST_REPLY:
            reply = await _answer(message, request, era)
        else:
            reply = _refuse(message)
        has_request = has_request or isinstance(message, Request)
        status = max(status, reply.status)
        if reply.body:
            answers.append(reply.body)
            size += len(reply.body)
    if not answers:
        return ACCEPTED
    return json_reply(b"[" + b",".join(answers) + b"]", 200 if has_request else status)


def read_batch(body: bytes) -> list[Message | EnvelopeError]:
    """Return the messages, and an error in the place of each that is none.

    Raises EnvelopeError for invalid JSON and for an array that is empty or too long.
    """
    if is_too_deep(body):
        raise EnvelopeError(Code.PARSE_ERROR, f"The body is nested deeper than {MAX_NESTING} levels")
    try:
        batch = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise EnvelopeError(Code.INVALID_REQUEST, f"A batch holds at most {MAX_BATCH} messages") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EnvelopeError(Code.PARSE_ERROR, "The body is not JSON") from error
    parts = [part for part in (bytes(getattr(batch, name)) for name in _FIELDS) if part]
    if not parts:
        raise EnvelopeError(Code.INVALID_REQUEST, "A batch holds at least one message")
    return [_read(part) for part in parts]


def _without_resumption(request: FaceRequest) -> FaceRequest:
    """Return a request whose stream has no ids: the answers are one event, of which no part can be resumed."""
    return msgspec.structs.replace(
        request,
        tell=lambda event: request.tell(Event(event.message)),
        ask=lambda event: request.ask(Event(event.message)),
        outlive=_do_nothing,
    )


def _do_nothing(_: FirstEvent) -> None:
    """Let a batch end with its connection."""


def _read(part: bytes) -> Message | EnvelopeError:
    try:
        message = read_message(part)
    except EnvelopeError as error:
        return error
    return message


async def _answer(message: Message | EnvelopeError, request: FaceRequest, era: Era) -> FaceReply:
    if isinstance(message, EnvelopeError):
        return unreadable(message)
    if isinstance(message, Request) and message.method == "initialize":
        return refusal(200, message.id, Code.INVALID_REQUEST, "initialize cannot be part of a batch")
    return await era.handle(message, request)


def _refuse(message: Message | EnvelopeError) -> FaceReply:
    """Refuse a request without running it; other messages are dropped."""
    if not isinstance(message, Request):
        return ACCEPTED
    return refusal(
        200, message.id, Code.TOO_LARGE, "The answers to this batch are too large; send less at once"
    )
