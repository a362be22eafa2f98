"""Encodes and decodes JSON-RPC envelopes for every transport; params, results and errors stay raw bytes."""

import codecs
import re
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import QUESTIONS
from ambassador_protocol.nesting import CUT, MAX_NESTING, cut_nesting, is_too_deep
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.downstream.wire.errors import well_formed_error
from ambassador_server.downstream.wire.plain_members import ESCAPED_ASCII, with_plain_members
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

LARGEST_MESSAGE = 64 * 1024 * 1024
"""The largest answer, in bytes, that is taken from a downstream."""

_LARGEST_CUT = 4 * 1024 * 1024
"""The largest message, in bytes, of which parts that are nested too deep are cut; cutting takes time."""


class Message(msgspec.Struct):
    """The envelope of anything a downstream sends; an absent body is empty."""

    # Required, so that a log line that happens to be JSON is not taken for a message.
    jsonrpc: Literal["2.0"]
    id: int | float | str | UnsetType | None = UNSET
    method: str | None = None
    params: Raw = Raw()
    result: Raw = Raw()
    error: Raw = Raw()

    @property
    def is_request(self) -> bool:
        """Tell whether the downstream sent a request; one with a null id cannot be answered."""
        return self.method is not None and self.id is not UNSET and self.id is not None

    @property
    def is_notification(self) -> bool:
        """Tell whether the downstream sent a notification."""
        return self.method is not None and (self.id is UNSET or self.id is None)

    @property
    def answers(self) -> int | None:
        """Return the number of our request that this answers; some servers send it as text or with a fraction."""
        given = self.id
        if isinstance(given, int):
            return given
        if isinstance(given, float):
            return int(given) if given.is_integer() else None
        return int(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else None


_NUMBER = re.compile(r"[0-9]{1,15}")
_decoder = msgspec.json.Decoder(Message)
_SURROGATE, _REPLACEMENT = rb"\ud", rb"\ufffd"
# An escape of half a character is one of a surrogate without its other half. A pair, and any other escape, stays.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


async def read_message(data: bytes) -> Message | None:
    """Return `decode_message(data)`; a large message does not stop the event loop."""
    return decode_message(data) if len(data) <= LARGE else await off_loop(decode_message, data)


def decode_message(data: bytes) -> Message | None:
    """Return the envelope, or None for data that is not one.

    A byte order mark is dropped, invalid UTF-8 and escapes of half a character are replaced, and what is nested too
    deep is cut, so that the rest of the message can be read. An error becomes one that JSON-RPC allows, and what tells
    the kind of a result has no escapes.
    """
    try:
        data = _valid_utf8(data)
        if is_too_deep(data):
            if len(data) > _LARGEST_CUT:
                return None
            data = cut_nesting(data)
        message = _decode(data)
        if bytes(message.error).startswith(b"{"):
            message.error = Raw(well_formed_error(bytes(message.error)))
        if data.find(ESCAPED_ASCII) >= 0 and bytes(message.result):  # `find` is faster than `in`
            message.result = Raw(with_plain_members(bytes(message.result)))
        return message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _decode(data: bytes) -> Message:
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        if _SURROGATE not in data.lower():
            raise
    return _decoder.decode(_ESCAPE.sub(_whole_character, data))


def _whole_character(escape: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if escape["half"] else escape[0]


def check_whole(reply: Reply) -> Reply:
    """Return the answer of a call; raises DownstreamUnavailableError if a part of it was cut."""
    body = reply.result or reply.error or b""
    if len(body) > MAX_NESTING and body.find(CUT) >= 0:  # faster than `in`
        raise DownstreamUnavailableError(f"answered with JSON nested deeper than {MAX_NESTING} levels")
    return reply


def reply_from(message: Message) -> Reply:
    """Return the answer in a message; some servers write `"error": null` beside a result."""
    error = bytes(message.error)
    if error.startswith(b"{"):
        return Reply(result=None, error=error)
    result = bytes(message.result)
    if result.startswith(b"{"):
        return Reply(result=result, error=None)
    if not result or result == b"null":
        raise DownstreamUnavailableError("answered with neither a result nor an error")
    raise DownstreamUnavailableError("answered with a result that is not an object")


def encode_request(number: int, method: str, params: bytes) -> bytes:
    """Return a request; `params` is a raw JSON object that is not changed."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (number, _quoted(method), params or b"{}")


def encode_notification(method: str, params: bytes) -> bytes:
    """Return a notification."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (_quoted(method), params or b"{}")


def encode_cancelled(number: int) -> bytes:
    """Return the notification that cancels this request."""
    return encode_notification("notifications/cancelled", b'{"requestId":%d}' % number)


def encode_answer(request: Message) -> bytes:
    """Return the answer to a request that belongs to no call, of which only `ping` has a result."""
    head = b'{"jsonrpc":"2.0","id":%b,' % msgspec.json.encode(request.id)
    if request.method == "ping":
        return head + b'"result":{}}'
    text = "Method not found"
    if request.method in QUESTIONS:
        text = f"The host cannot be asked: {request.method} cannot be passed on from here"
    return head + b'"error":{"code":%d,"message":%b}}' % (Code.METHOD_NOT_FOUND, msgspec.json.encode(text))


def encode_response(request: Message, reply: Reply) -> bytes:
    """Return the host's answer as a response to the downstream's request."""
    head = b'{"jsonrpc":"2.0","id":%b,' % msgspec.json.encode(request.id)
    if reply.result is not None:
        return head + b'"result":' + reply.result + b"}"
    return head + b'"error":' + (reply.error or b"null") + b"}"


def encode_refusal(request: Message, text: str) -> bytes:
    """Return an internal error with this text as a response to the downstream's request."""
    error = {"code": Code.INTERNAL_ERROR, "message": text}
    return encode_response(request, Reply(result=None, error=msgspec.json.encode(error)))


@lru_cache(maxsize=64)
def _quoted(method: str) -> bytes:
    return msgspec.json.encode(method)


def _valid_utf8(data: bytes) -> bytes:
    if data.isascii():
        return data
    # Some programs begin their output, or each message, with a byte order mark, which is not JSON.
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError:
        return _with_replacements(data)
    return data


def _with_replacements(data: bytes) -> bytes:
    """Replace what is not UTF-8, in pieces; raises DecodeError if the text becomes too large."""
    decoder = _Utf8Decoder(errors="replace")
    pieces: list[bytes] = []
    size = 0
    for start in range(0, len(data), LARGE):
        piece = decoder.decode(data[start : start + LARGE], start + LARGE >= len(data)).encode()
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_MESSAGE:
            raise msgspec.DecodeError("too large")
    return b"".join(pieces)
