"""JSON-RPC envelopes: read without touching what is inside, written around raw bytes."""

import re
from typing import Any

import msgspec

from ambassador_protocol.jsonrpc import Code, error_reply

_ABSENT = msgspec.Raw()
_INTEGER = re.compile(rb"-?[0-9]+")


class EnvelopeError(Exception):
    """A body that is no JSON-RPC message we may answer as one."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Wire(msgspec.Struct):
    jsonrpc: str = ""
    id: msgspec.Raw = _ABSENT
    method: str | None = None
    params: msgspec.Raw = _ABSENT
    result: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class Message(msgspec.Struct, frozen=True):
    """A request, or a notification when `id` is None; `id` and the parameters are the raw JSON that came in."""

    id: bytes | None
    method: str
    params: dict[str, msgspec.Raw]


_decoder = msgspec.json.Decoder(_Wire)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_message(body: bytes) -> Message:
    """Decode one message. Raises EnvelopeError for anything else: bad JSON, a batch, a response."""
    wire = _decode(body)
    if wire.jsonrpc != "2.0" or wire.method is None:
        raise EnvelopeError(Code.INVALID_REQUEST, "Not a JSON-RPC 2.0 request")
    if bytes(wire.result) or bytes(wire.error):
        raise EnvelopeError(Code.INVALID_REQUEST, "A message is a request or a response, not both")
    message_id = bytes(wire.id) or None
    if message_id is not None and not message_id.startswith(b'"') and _INTEGER.fullmatch(message_id) is None:
        raise EnvelopeError(Code.INVALID_REQUEST, "A request id is a string or an integer")
    raw_params = bytes(wire.params)
    if raw_params and not raw_params.startswith(b"{"):
        raise EnvelopeError(Code.INVALID_PARAMS, "Parameters are an object")
    return Message(message_id, wire.method, read_members(wire.params) if raw_params else {})


def read_members(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Split a JSON object into its members without reading them."""
    try:
        return _members.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, "Expected an object") from error


def write_members(members: dict[str, msgspec.Raw]) -> bytes:
    """Put members together again, byte for byte."""
    return msgspec.json.encode(members)


def result_reply(message_id: bytes, result: bytes) -> bytes:
    """Wrap a raw result."""
    return b'{"jsonrpc":"2.0","id":' + message_id + b',"result":' + result + b"}"


def raw_error_reply(message_id: bytes, error: bytes) -> bytes:
    """Wrap a raw error object."""
    return b'{"jsonrpc":"2.0","id":' + message_id + b',"error":' + error + b"}"


def error_body(
    message_id: bytes | None, code: int, message: str, data: dict[str, Any] | None = None
) -> bytes:
    """Build an error response; the id is null where it could not be read."""
    error = msgspec.json.encode(error_reply(None, code, message, data)["error"])
    return raw_error_reply(message_id or b"null", error)


def _decode(body: bytes) -> _Wire:
    # The decoder skips over raw members without looking at their encoding.
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError(Code.PARSE_ERROR, "The body is not UTF-8") from error
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise EnvelopeError(Code.INVALID_REQUEST, "Not a single JSON-RPC message") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EnvelopeError(Code.PARSE_ERROR, "The body is not JSON") from error
