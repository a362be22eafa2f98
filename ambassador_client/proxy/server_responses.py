"""Validates the server's answers: returns a line for the host or raises an error with the reason."""

import json
from typing import TYPE_CHECKING, Any

from ambassador_client.errors import MAY_HAVE_RUN, TRY_AGAIN, BadAnswerError
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy import local_responses
from ambassador_client.proxy.local_responses import EMPTY_RESULTS, Features
from ambassador_client.proxy.message import Message, TooDeepError, is_request_id, read_json
from ambassador_protocol.jsonrpc import Code

if TYPE_CHECKING:
    from ambassador_client.link.http_client import BufferedResponse

_NEXT_STEP = "Does another proxy or gateway answer in place of the server? Ask your administrator."


def read_response(message: Message, reply: "BufferedResponse") -> bytes:
    """Return the line that answers the request, the server's bytes unchanged where possible.

    Raises ServerRefusedError or BadAnswerError if the body is not a JSON-RPC response to this request.
    """
    next_step = _NEXT_STEP if message.is_safe else MAY_HAVE_RUN
    value = _object(reply.body, next_step) if reply.content_type == "application/json" else None
    line = None if value is None else _answer(message, value, reply.body)
    if line is not None:
        return (
            local_responses.empty_response(message)
            if message.method in EMPTY_RESULTS and is_unknown_method(line)
            else line
        )
    if reply.status != 200:
        raise refusal(reply.status, reply.body, reply.retry_after, is_call=not message.is_safe)
    raise BadAnswerError("the server's answer does not belong to this request", next_step)


def read_event(message: Message, event: bytes) -> tuple[bytes, bool]:
    """Return the line in an event, and whether it is the answer to the request; raises BadAnswerError."""
    value = _object(event, _NEXT_STEP if message.is_safe else MAY_HAVE_RUN)
    if value is None:
        raise BadAnswerError("the server sent an event that is not JSON", _NEXT_STEP)
    if "method" in value:
        return read_server_message(event), False
    line = _answer(message, value, event)
    if line is None:
        raise BadAnswerError("the server answered another request", _NEXT_STEP)
    return line, True


def read_server_message(event: bytes) -> bytes:
    """Return the line of an event with a request or notification of the server; raises BadAnswerError."""
    value = _object(event)
    is_message = value is not None and value.get("jsonrpc") == "2.0" and isinstance(value.get("method"), str)
    if value is None or not is_message or not is_request_id(value.get("id", 0)):
        raise BadAnswerError("the server sent an event that is not a message", _NEXT_STEP)
    return event


def read_features(line: bytes) -> Features | None:
    """Return what the server has, from its answer to `initialize` or `server/discover`; None if that says nothing."""
    try:
        answer = read_json(line)
    except ValueError:
        return None
    result = answer.get("result") if isinstance(answer, dict) else None
    features = result.get("capabilities") if isinstance(result, dict) else None
    if not isinstance(features, dict):
        return None
    return {name: flags for name, flags in features.items() if isinstance(flags, dict)}


def is_unsupported_version(line: bytes) -> bool:
    """Tell whether an answer is the error that the server does not support the version, with those that it does."""
    error = (_object(line) or {}).get("error")
    return isinstance(error, dict) and error.get("code") == Code.UNSUPPORTED_VERSION


def is_header_mismatch(line: bytes) -> bool:
    """Tell whether an answer is the error that the headers do not match the body."""
    error = (_object(line) or {}).get("error")
    return isinstance(error, dict) and error.get("code") == Code.HEADER_MISMATCH


def is_result(line: bytes) -> bool:
    """Tell whether an answer is a result."""
    return "result" in (_object(line) or {})


def is_unknown_method(line: bytes) -> bool:
    """Tell whether an answer is the error that the server does not have the method."""
    error = (_object(line) or {}).get("error")
    return isinstance(error, dict) and error.get("code") == Code.METHOD_NOT_FOUND


def next_cursor(line: bytes) -> str | None:
    """Return the cursor of the next page of a list, or None."""
    result = (_object(line) or {}).get("result")
    cursor = result.get("nextCursor") if isinstance(result, dict) else None
    return cursor if isinstance(cursor, str) else None


class IncompleteResponseError(BadAnswerError):
    """A stream ended before the answer arrived."""

    def __init__(self, message: Message) -> None:
        super().__init__("the server's answer ended early", TRY_AGAIN if message.is_safe else MAY_HAVE_RUN)


def _answer(message: Message, value: dict[str, Any], raw: bytes) -> bytes | None:
    if value.get("jsonrpc") != "2.0" or ("result" in value) == ("error" in value):
        return None
    reply_id = value.get("id")
    if reply_id == message.id and type(reply_id) is type(message.id):
        return raw
    if reply_id is None and isinstance(value.get("error"), dict):
        # The server could not read the id; it belongs to this request, the only one in this exchange.
        return json.dumps({"jsonrpc": "2.0", "id": message.id, "error": value["error"]}).encode()
    return None


def _object(body: bytes, next_step: str = _NEXT_STEP) -> dict[str, Any] | None:
    try:
        value = read_json(body)
    except TooDeepError as error:
        raise BadAnswerError(f"the server's answer is {error}", next_step) from None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
