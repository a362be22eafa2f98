"""Writes what tells the kind of a result without escapes, so that every check of the raw bytes sees it.

JSON allows `input\\u005frequired` for `input_required`. A host reads both alike, so a result written like that would
otherwise reach the host as one that asks for input without having been taken for one here.
"""

from typing import Final

import msgspec
from msgspec import Raw

ESCAPED_ASCII: Final = b"\\u00"
"""With what each escape of a character begins that needs none; most results hold none."""
_KINDS: Final = ("resultType", "status")
_NAMES: Final = (*_KINDS, "inputRequests", "requestState", "taskId")


class _Telling(msgspec.Struct, rename="camel"):
    result_type: Raw = Raw()
    status: Raw = Raw()
    input_requests: Raw = Raw()
    request_state: Raw = Raw()
    task_id: Raw = Raw()


_decoder = msgspec.json.Decoder(_Telling)
_members_decoder = msgspec.json.Decoder(dict[str, Raw])


def with_plain_members(result: bytes) -> bytes:
    """Return a JSON object whose telling members have no escapes; one without such escapes stays byte for byte."""
    try:
        found = _decoder.decode(result)
        given = (found.result_type, found.status, found.input_requests, found.request_state, found.task_id)
        present = [name for name, raw in zip(_NAMES, given, strict=True) if bytes(raw)]
        if all(b'"%b"' % name.encode() in result for name in present) and not any(
            b"\\" in bytes(raw) for raw in given[: len(_KINDS)]
        ):
            return result
        members = _members_decoder.decode(result)
        for name in _KINDS:
            raw = members.get(name, Raw())
            if bytes(raw).startswith(b'"'):
                members[name] = Raw(msgspec.json.encode(msgspec.json.decode(raw, type=str)))
        return msgspec.json.encode(members)
    except (msgspec.MsgspecError, RecursionError):
        return result
