"""Parses a host's message as far as routing needs it; the message itself is passed on unchanged as bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from ambassador_protocol.header_values import encode_header_value
from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import (
    MAX_BATCH,
    META_VERSION,
    METHOD_HEADER,
    NAME_HEADER,
    NAMED_BY,
    VERSION_HEADER,
)
from ambassador_protocol.nesting import MAX_NESTING, is_too_deep

RequestId = str | int
Headers = Sequence[tuple[str, str]]

# Methods without side effects, which may be sent twice.
SAFE_METHODS: Final = frozenset(
    {
        "tools/list",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
    }
)


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITESPACE = " \t\n\r"
_MOST_BLANKS: Final = 64
_decoder = json.JSONDecoder(parse_constant=_reject_constant)


class TooDeepError(ValueError):
    """A JSON document is nested deeper than MAX_NESTING levels."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_NESTING} levels")


def read_json(raw: bytes) -> Any:
    """Parse strict JSON in UTF-8; raises ValueError, which is a TooDeepError if the nesting is the reason."""
    if is_too_deep(raw):
        raise TooDeepError
    return _decoder.decode(raw.decode())


class MessageError(Exception):
    """A line of the host is not a valid message; `request_id` is its id if it could be read."""

    def __init__(self, code: Code, text: str, request_id: RequestId | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.request_id = request_id


class Message:
    """One message of the host: a request has id and method, a notification has no id, a response no method."""

    __slots__ = ("body", "id", "method", "params", "version")

    def __init__(
        self, body: bytes, request_id: RequestId | None, method: str | None, params: dict[str, Any]
    ) -> None:
        self.body = body
        self.id = request_id
        self.method = method
        self.params = params
        meta = params.get("_meta")
        version = meta.get(META_VERSION) if isinstance(meta, dict) else None
        self.version: str | None = version if isinstance(version, str) else None

    @classmethod
    def parse(cls, line: bytes) -> "Message":
        """Parse one line; raises MessageError, and TooDeepError if it is nested too deep.

        A byte order mark, with which some programs begin their output, is dropped.
        """
        line = line.removeprefix(_BYTE_ORDER_MARK)
        try:
            value = read_json(line)
        except TooDeepError:
            raise
        except ValueError as error:
            raise MessageError(Code.PARSE_ERROR, "This line is not JSON in UTF-8.") from error
        if isinstance(value, list):
            raise MessageError(Code.INVALID_REQUEST, "Batches are not supported: send one message per line.")
        if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
            raise MessageError(Code.INVALID_REQUEST, 'A message is a JSON object with "jsonrpc": "2.0".')
        request_id, method, params = value.get("id"), value.get("method"), value.get("params")
        if "id" in value and not is_request_id(request_id):
            raise MessageError(Code.INVALID_REQUEST, "An id is a string or an integer.")
        if not isinstance(method, str) and ("method" in value or not ("result" in value or "error" in value)):
            raise MessageError(Code.INVALID_REQUEST, "A message needs a method.", request_id)
        return cls(line, request_id, method, params if isinstance(params, dict) else {})

    @property
    def is_modern(self) -> bool:
        """Tell whether the message carries its own protocol version."""
        return self.version is not None

    @property
    def is_request(self) -> bool:
        """Tell whether the message is a request, which needs an answer."""
        return self.id is not None and self.method is not None

    @property
    def is_safe(self) -> bool:
        """Tell whether the message may be sent twice."""
        return self.method in SAFE_METHODS

    def headers(
        self, handshake_version: str, header_map: Mapping[tuple[str, ...], str]
    ) -> list[tuple[str, str]]:
        """Return the HTTP headers that repeat parts of the message: version, method, name and arguments.

        A legacy message gets `handshake_version`; `header_map` maps argument paths to header names. Raises
        MessageError for text that is not valid Unicode.
        """
        if self.version is None:
            return [(VERSION_HEADER, handshake_version)]
        try:
            headers = [(VERSION_HEADER, encode_header_value(self.version))]
            if self.method is not None:
                headers.append((METHOD_HEADER, encode_header_value(self.method)))
                name = self.params.get(NAMED_BY.get(self.method, ""))
                if isinstance(name, str):
                    headers.append((NAME_HEADER, encode_header_value(name)))
            if header_map:
                headers += _argument_headers(header_map, self.params.get("arguments"))
        except UnicodeEncodeError as error:
            raise MessageError(Code.INVALID_PARAMS, "A name holds half a surrogate pair.", self.id) from error
        return headers


def _argument_headers(header_map: Mapping[tuple[str, ...], str], arguments: Any) -> list[tuple[str, str]]:
    from ambassador_protocol.param_headers import param_headers  # noqa: PLC0415 - rarely needed

    return list(param_headers(header_map, arguments).items())


def is_array(line: bytes) -> bool:
    """Tell whether a line begins as an array."""
    return line[:_MOST_BLANKS].removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"[")


def split_batch(line: bytes) -> list[bytes]:
    """Return the messages of a batch array, bytes unchanged.

    Raises MessageError if it is empty, too long or not an array.
    """
    line = line.removeprefix(_BYTE_ORDER_MARK)
    try:
        values, text = read_json(line), line.decode()
    except TooDeepError as error:
        raise MessageError(Code.PARSE_ERROR, f"AMB-1001 this batch is {error} and was dropped.") from error
    except ValueError as error:
        raise MessageError(Code.PARSE_ERROR, "This line is not JSON in UTF-8.") from error
    if len(values) > MAX_BATCH:
        raise MessageError(Code.INVALID_REQUEST, f"A batch holds at most {MAX_BATCH} messages.")
    parts: list[bytes] = []
    position = text.index("[") + 1
    for _ in values:
        while text[position] in _WHITESPACE:
            position += 1
        end = _decoder.raw_decode(text, position)[1]
        parts.append(text[position:end].encode())
        position = text.find(",", end) + 1
    if not parts:
        raise MessageError(Code.INVALID_REQUEST, "A batch holds at least one message.")
    return parts


def is_request_id(value: object) -> bool:
    """Tell whether a value is a valid request id: a string or an integer."""
    return isinstance(value, str | int) and not isinstance(value, bool)
