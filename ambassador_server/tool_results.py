"""Makes the results of tool calls valid, whatever the downstream answered."""

import operator
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ambassador_protocol.jsonrpc import Code, error_reply
from ambassador_protocol.mcp import INPUT_REQUIRED
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.ports.exchange import Reply

INVALID_RESULT_TEXT: Final = "The tool failed: the answer of the MCP is not a valid tool result"
INVALID_RESULT: Final = Reply(
    result=None,
    error=msgspec.json.encode(error_reply(None, Code.DOWNSTREAM_UNAVAILABLE, INVALID_RESULT_TEXT)["error"]),
)

_ABSENT: Final = Raw()
_NO_CONTENT: Final = Raw(b"[]")
_NULL: Final = b"null"
_FLAGS: Final = (b"", b"true", b"false")
_TEXT: Final = b'"text"'
_COMPLETE: Final = b'"complete"'
_INPUT_REQUIRED: Final = msgspec.json.encode(INPUT_REQUIRED)


class _Block(msgspec.Struct, gc=False):
    type: str
    text: str | UnsetType = UNSET


class _ValidResult(msgspec.Struct, rename="camel"):
    content: list[_Block]
    is_error: bool | UnsetType = UNSET
    meta: Raw = msgspec.field(default=_ABSENT, name="_meta")


class _ToolResult(msgspec.Struct, rename="camel"):
    content: Raw = _ABSENT
    is_error: Raw = _ABSENT
    result_type: Raw = _ABSENT
    meta: Raw = msgspec.field(default=_ABSENT, name="_meta")


_valid_decoder = msgspec.json.Decoder(_ValidResult)
_decoder = msgspec.json.Decoder(_ToolResult)
_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder = msgspec.json.Decoder(list[Raw])


async def valid_result(reply: Reply) -> Reply:
    """Return the answer to a call unchanged if its result is valid, otherwise a valid result or an error.

    Content that is missing becomes empty, blocks of it that are no blocks become texts, and flags and metadata of a
    wrong type are left out. The blocks of a large result are not read. A result that is not final, such as one that
    asks for input, is not changed.
    """
    if reply.result is None:
        return reply
    if len(reply.result) > LARGE:
        return await off_loop(_valid, reply, reply.result)
    return reply if _is_valid(reply.result) else _valid(reply, reply.result)


def unfinished_kind(result: bytes) -> bytes | None:
    """Return the type of a result that is not final, as JSON; None for a final one. Raises msgspec.MsgspecError."""
    if result.find(b'"resultType"') < 0:
        return None
    kind = bytes(_decoder.decode(result).result_type)
    return kind if kind.startswith(b'"') and kind != _COMPLETE else None


def unfinished_text(kind: bytes) -> str:
    """Return the error for a result that is not final, and would be an empty success for a host of the legacy era."""
    if kind == _INPUT_REQUIRED:
        return "The MCP asks for input in a way that this host does not support"
    shown = kind[:100].decode(errors="replace")
    return f"The MCP answered with a result of type {shown}, which this host does not know"


def _is_valid(result: bytes) -> bool:
    try:
        found = _valid_decoder.decode(result)
    except (msgspec.MsgspecError, RecursionError):
        return False
    for block in found.content:
        if block.text is UNSET and block.type == "text":
            return False
    return bytes(found.meta)[:1] in (b"", b"{")


def _valid(reply: Reply, result: bytes) -> Reply:
    try:
        found = _decoder.decode(result)
    except (msgspec.MsgspecError, RecursionError):
        return INVALID_RESULT
    content, meta = found.content, bytes(found.meta)
    has_content, has_meta = bytes(content).startswith(b"["), meta.startswith(b"{")
    if has_content and len(result) <= LARGE:
        content = _valid_content(content)
    has_flag = bytes(found.is_error) in _FLAGS
    if has_content and has_flag and (has_meta or not meta) and content is found.content:
        return reply
    kind = bytes(found.result_type)
    if kind.startswith(b'"') and kind != _COMPLETE:
        return reply
    if not has_content and bytes(content) not in (b"", _NULL):
        return INVALID_RESULT
    members = _members_decoder.decode(result)
    members["content"] = content if has_content else _NO_CONTENT
    if not has_flag:
        del members["isError"]
    if meta and not has_meta:
        del members["_meta"]
    return Reply(result=msgspec.json.encode(members), error=None)


def _valid_content(given: Raw) -> Raw:
    """Return the same content if each of its blocks is valid, otherwise one of valid blocks."""
    blocks = _list_decoder.decode(given)
    valid = [_valid_block(block) for block in blocks]
    return given if all(map(operator.is_, valid, blocks)) else _encoded(valid)


def _valid_block(given: Raw) -> Raw:
    """Return a block of content unchanged if it has a type, and a text if it must; otherwise a block with a text."""
    if not bytes(given).startswith(b"{"):
        return _encoded({"type": Raw(_TEXT), "text": _as_text(given)})
    members = _members_decoder.decode(given)
    kind, text = bytes(members.get("type", _ABSENT)), members.get("text")
    if kind.startswith(b'"') and (kind != _TEXT or (text is not None and bytes(text).startswith(b'"'))):
        return given
    if text is None:
        text = Raw(b'""') if kind == _TEXT else given
    members = members if kind == _TEXT or text is not given else {}
    return _encoded(members | {"type": Raw(_TEXT), "text": _as_text(text)})


def _as_text(given: Raw) -> Raw:
    """Return a text as it is, nothing for null, and the JSON of any other value as a text."""
    data = bytes(given)
    if data == _NULL:
        return Raw(b'""')
    return given if data.startswith(b'"') else _encoded(data.decode())


def _encoded(value: object) -> Raw:
    return Raw(msgspec.json.encode(value))
