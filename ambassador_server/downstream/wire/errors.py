"""Makes the errors of downstreams well-formed: an integer code and a text as the message."""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw

from ambassador_protocol.jsonrpc import Code
from ambassador_server.downstream.wire.params import read_members

LARGEST_CODE: Final = 2**53 - 1
"""Hosts that are written in JavaScript refuse a code that is larger."""

_MAX_CHARACTERS: Final = 300
_NO_MESSAGE: Final = "The MCP answered with an error that has no message"
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}")


class _Error(msgspec.Struct):
    code: int
    message: str


_error_decoder = msgspec.json.Decoder(_Error)


def well_formed_error(error: bytes) -> bytes:
    """Return a JSON object as a JSON-RPC error; one that is well-formed stays byte for byte.

    A code in another form is converted, or it becomes the beginning of the message.
    """
    try:
        if abs(_error_decoder.decode(error).code) <= LARGEST_CODE:
            return error
    except msgspec.DecodeError:
        pass
    members = read_members(error, "error")
    given, message = _short_value(members.get("code")), _short_value(members.get("message"))
    code = _integer(given)
    text = _text(message) or _NO_MESSAGE
    if code is None and _text(given):
        text = f"{_text(given)}: {text}"
    members["code"] = Raw(b"%d" % (Code.INTERNAL_ERROR if code is None else code))
    if not isinstance(message, str) or text != message:
        members["message"] = Raw(msgspec.json.encode(text))
    return msgspec.json.encode(members)


def _short_value(raw: Raw | None) -> Any:
    """Return a text as it is and another value if it is short; None if there is none."""
    if raw is None:
        return None
    data = bytes(raw)
    if len(data) > _MAX_CHARACTERS and not data.startswith(b'"'):
        return None
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) <= LARGEST_CODE else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
