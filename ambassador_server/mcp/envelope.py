"""JSON-RPC envelopes: decodes them without decoding their params and results, and encodes them around raw bytes."""

import re
from typing import Any, Final, TypeAlias

import msgspec

from ambassador_protocol.jsonrpc import Code, error_reply
from ambassador_protocol.nesting import MAX_NESTING, is_too_deep
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.member_names import MemberNames
from ambassador_server.ports.exchange import Reply

PARAM_NAMES: Final = MemberNames(
    (
        "name",
        "uri",
        "ref",
        "taskId",
        "arguments",
        "argument",
        "inputResponses",
        "requestState",
        "_meta",
    ),
    usual=(
        "cursor",
        "level",
        "context",
        "task",
        "requestId",
        "protocolVersion",
        "capabilities",
        "clientInfo",
    ),
)
"""The parameters that name what a request is for or hold its arguments, and those that this server rewrites."""

_ENVELOPE_NAMES: Final = MemberNames(("jsonrpc", "id", "method", "params", "result", "error"))
_LENGTH_OF_NAMES: Final = len('{"jsonrpc":"2.0","id":,"method":"","params":}')

_ABSENT = msgspec.Raw()
_INTEGER = re.compile(rb"-?[0-9]+")


class EnvelopeError(Exception):
    """A message that cannot be served; the code and the message go into its error response.

    `message_id` is the raw id of the request, if it is one of which only the params are invalid.
    """

    def __init__(self, code: Code, message: str, message_id: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.message_id = message_id


class _Wire(msgspec.Struct):
    jsonrpc: str = ""
    id: msgspec.Raw = _ABSENT
    method: str | None = None
    params: msgspec.Raw = _ABSENT
    result: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class Request(msgspec.Struct, frozen=True):
    """A message that requires an answer; `id` and the values of `params` are the received raw JSON."""

    id: bytes
    method: str
    params: dict[str, msgspec.Raw]


class Notification(msgspec.Struct, frozen=True):
    """A message that requires no answer."""

    method: str
    params: dict[str, msgspec.Raw]


class Response(msgspec.Struct, frozen=True):
    """The host's answer to a question; `id` is the received raw JSON."""

    id: bytes
    reply: Reply


class _LargeParams(msgspec.Struct, rename="camel"):
    """The params that may be large; none of them is split into its members."""

    arguments: msgspec.Raw = _ABSENT
    input_responses: msgspec.Raw = _ABSENT
    request_state: msgspec.Raw = _ABSENT


Message: TypeAlias = Request | Notification | Response

_decoder = msgspec.json.Decoder(_Wire)
_large_params = msgspec.json.Decoder(_LargeParams)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_message(body: bytes) -> Message:
    """Decode one message. Raises EnvelopeError for invalid or ambiguous JSON, a batch, or a mixture of both kinds."""
    wire = _decode(body)
    message_id, raw_params = bytes(wire.id) or None, bytes(wire.params)
    if (
        message_id is None
        or wire.method is None
        or not raw_params
        or len(body) != _LENGTH_OF_NAMES + len(message_id) + len(wire.method) + len(raw_params)
    ):
        # Only the length of a request without other members and blanks shows that each is there once.
        _check_names(body)
    if wire.jsonrpc != "2.0":
        raise EnvelopeError(Code.INVALID_REQUEST, "Not a JSON-RPC 2.0 request")
    if message_id is not None and not message_id.startswith(b'"') and _INTEGER.fullmatch(message_id) is None:
        raise EnvelopeError(Code.INVALID_REQUEST, "A request id is a string or an integer")
    if wire.method is None:
        return _response(wire, message_id)
    if bytes(wire.result) or bytes(wire.error):
        raise EnvelopeError(Code.INVALID_REQUEST, "A message is a request or a response, not both")
    if raw_params and not raw_params.startswith(b"{"):
        raise EnvelopeError(Code.INVALID_PARAMS, "Parameters are an object")
    if len(raw_params) > LARGE:
        _check_large(raw_params)
    params = read_clear_members(raw_params, PARAM_NAMES, "params", message_id) if raw_params else {}
    if message_id is None:
        return Notification(wire.method, params)
    return Request(message_id, wire.method, params)


def read_members(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Split a JSON object into its members without decoding them. Raises EnvelopeError if it is not an object."""
    try:
        return _members.decode(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, "Expected an object") from error


def read_clear_members(
    raw: bytes | msgspec.Raw, names: MemberNames, what: str, message_id: bytes | None = None
) -> dict[str, msgspec.Raw]:
    """Split a JSON object into its members. Raises EnvelopeError also if readers may differ about one of `names`."""
    members = read_members(raw)
    fault = names.fault(members, raw)
    if fault is not None:
        raise EnvelopeError(Code.INVALID_PARAMS, f"{what} {fault}", message_id)
    return members


def write_members(members: dict[str, msgspec.Raw]) -> bytes:
    """Join members to a JSON object, without changing their bytes."""
    return msgspec.json.encode(members)


def result_response(message_id: bytes, result: bytes) -> bytes:
    """Wrap a raw result."""
    return b'{"jsonrpc":"2.0","id":' + message_id + b',"result":' + result + b"}"


def error_response(message_id: bytes | None, error: bytes) -> bytes:
    """Wrap a raw error object; the id is null if it is unknown."""
    return b'{"jsonrpc":"2.0","id":' + (message_id or b"null") + b',"error":' + error + b"}"


def error_object(code: int, message: str, data: dict[str, Any] | None = None) -> bytes:
    """Build a raw error object."""
    return msgspec.json.encode(error_reply(None, code, message, data)["error"])


def notification(method: str, params: bytes) -> bytes:
    """Build a notification for the host around raw params."""
    return b'{"jsonrpc":"2.0","method":' + msgspec.json.encode(method) + b',"params":' + params + b"}"


def request(message_id: str, method: str, params: bytes) -> bytes:
    """Build a request for the host around raw params."""
    head = b'{"jsonrpc":"2.0","id":' + msgspec.json.encode(message_id)
    return head + b',"method":' + msgspec.json.encode(method) + b',"params":' + params + b"}"


def _check_names(body: bytes) -> None:
    """Refuse a message with a member that readers may take for another one."""
    fault = _ENVELOPE_NAMES.fault(read_members(body), body)
    if fault is not None:
        raise EnvelopeError(Code.INVALID_REQUEST, f"The message {fault}")


def _check_large(params: bytes) -> None:
    """Refuse params that may take long to split, and whose members may take long to decode."""
    large = _large_params.decode(params)
    rest = len(params) - sum(
        map(len, map(bytes, (large.arguments, large.input_responses, large.request_state)))
    )
    if rest > LARGE:
        raise EnvelopeError(
            Code.INVALID_PARAMS, f"Parameters other than arguments are larger than {LARGE} bytes"
        )


def _response(wire: _Wire, message_id: bytes | None) -> Response:
    result, error = bytes(wire.result) or None, bytes(wire.error) or None
    if message_id is None or (result is None) == (error is None) or bytes(wire.params):
        raise EnvelopeError(Code.INVALID_REQUEST, "Not a JSON-RPC 2.0 request")
    if error is not None and not error.startswith(b"{"):
        raise EnvelopeError(Code.INVALID_REQUEST, "The error of a response is an object")
    return Response(message_id, Reply(result=result, error=error))


def _decode(body: bytes) -> _Wire:
    if is_too_deep(body):
        raise EnvelopeError(Code.PARSE_ERROR, f"The body is nested deeper than {MAX_NESTING} levels")
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
