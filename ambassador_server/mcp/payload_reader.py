"""Decodes raw tool arguments and results for the services."""

import json
import math
from typing import Any

import msgspec

from ambassador_protocol.mcp import QUESTIONS
from ambassador_protocol.nesting import MAX_NESTING, is_too_deep
from ambassador_server.domain.secrets.marks import cut_mark, duplicate_name
from ambassador_server.errors import InvalidInputError
from ambassador_server.mcp.bounded_json import BeginningReader

_LONGEST_INTEGER = 1000


class _Result(msgspec.Struct):
    isError: msgspec.Raw = msgspec.Raw()


class _Question(msgspec.Struct):
    method: str


class _Asking(msgspec.Struct, rename="camel"):
    input_requests: dict[str, _Question] = {}


_result_decoder = msgspec.json.Decoder(_Result)
_asking_decoder = msgspec.json.Decoder(_Asking)


class MsgspecPayloads:
    """Implements `ports.payload.PayloadReader`."""

    def value(self, raw: bytes) -> Any:
        """Return the JSON value as a Python value, with every member.

        A name that an object has more than once is numbered, because a downstream may take any of its values. Raises
        InvalidInputError if it is not JSON or nested too deep.
        """
        if is_too_deep(raw):
            raise InvalidInputError(f"The arguments are nested deeper than {MAX_NESTING} levels")
        try:
            value = msgspec.json.decode(raw)
            # Each member has a colon. Counting them again in the decoded value shows whether one was lost; only a colon
            # that is written as an escape is missed.
            if raw.count(b":") == msgspec.json.encode(value).count(b":") and raw.find(b"\\u003") < 0:
                return value
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        return _every_member(raw)

    def beginning(self, raw: bytes, values: int, size: int) -> Any:
        """Return as `value` does, but of a large document only so many values, with a mark for the rest.

        The rest is not decoded, so the time does not depend on its shape. `size` bounds the characters of all texts; of
        each it counts no more than the audit keeps. Raises InvalidInputError if what it reads is not JSON.
        """
        try:
            return _beginning.read(raw, values, size)
        except (ValueError, IndexError) as error:
            raise InvalidInputError("The arguments are not JSON") from error

    def is_error_result(self, raw: bytes) -> bool:
        """Tell whether a result has `isError: true`; a result that is not an object counts as an error."""
        try:
            return bytes(_result_decoder.decode(raw).isError) == b"true"
        except (msgspec.MsgspecError, RecursionError):
            return True

    def asked_methods(self, raw: bytes) -> tuple[str, ...]:
        """Return the methods of the questions in a result that asks for input, or in the state of a task.

        A method that is no question of the protocol is left out, because it could be any text.
        """
        try:
            found = _asking_decoder.decode(raw)
        except (msgspec.MsgspecError, RecursionError):
            return ()
        methods = [question.method for question in found.input_requests.values()]
        return tuple(method for method in methods if method in QUESTIONS)


def _every_member(raw: bytes) -> Any:
    try:
        return _every_member_decoder.decode(raw.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("The arguments are not JSON") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    times: dict[str, int] = {}
    for name, value in pairs:
        unused = name
        while unused in members:
            times[name] = times.get(name, 1) + 1
            unused = duplicate_name(name, times[name])
        members[unused] = value
    return members


def _integer(digits: str) -> Any:
    # Python refuses to convert very long integers.
    return int(digits) if len(digits) <= _LONGEST_INTEGER else cut_mark(f"an integer of {len(digits)} digits")


def _float(digits: str) -> Any:
    number = float(digits)
    return number if math.isfinite(number) else cut_mark("a number out of range")


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_every_member_decoder = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
)
_beginning = BeginningReader(_every_member_decoder.decode, _members)
