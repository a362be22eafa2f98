"""Makes the results of tool calls valid, whatever the downstream answered."""

from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.mcp.envelope import error_object, read_members, write_members
from ambassador_server.ports.exchange import Reply

_ABSENT: Final = msgspec.Raw()
_NO_CONTENT: Final = msgspec.Raw(b"[]")
_MISSING: Final = (b"", b"null")
_FLAGS: Final = (b"", b"true", b"false")
_COMPLETE: Final = b'"complete"'

INVALID_RESULT: Final = Reply(
    result=None,
    error=error_object(
        Code.DOWNSTREAM_UNAVAILABLE, "The tool failed: the answer of the MCP is not a valid tool result"
    ),
)


class _ToolResult(msgspec.Struct, rename="camel"):
    content: msgspec.Raw = _ABSENT
    is_error: msgspec.Raw = _ABSENT
    result_type: msgspec.Raw = _ABSENT
    meta: msgspec.Raw = msgspec.field(default=_ABSENT, name="_meta")


_decoder = msgspec.json.Decoder(_ToolResult)


async def valid_result(reply: Reply) -> Reply:
    """Return the answer to a call unchanged if its result is valid, otherwise a valid result or an error.

    Content that is missing becomes empty, and flags and metadata of a wrong type are left out. A result that is not
    final, such as one that asks for input, is not changed.
    """
    if reply.result is None:
        return reply
    if len(reply.result) > LARGE:
        return await off_loop(_valid, reply, reply.result)
    return _valid(reply, reply.result)


def _valid(reply: Reply, result: bytes) -> Reply:
    try:
        found = _decoder.decode(result)
    except (msgspec.MsgspecError, RecursionError):
        return INVALID_RESULT
    content, meta = bytes(found.content), bytes(found.meta)
    has_content, has_meta = content.startswith(b"["), meta.startswith(b"{")
    has_flag = bytes(found.is_error) in _FLAGS
    if has_content and has_flag and (has_meta or not meta):
        return reply
    kind = bytes(found.result_type)
    if kind.startswith(b'"') and kind != _COMPLETE:
        return reply
    if not has_content and content not in _MISSING:
        return INVALID_RESULT
    members = read_members(result)
    if not has_content:
        members["content"] = _NO_CONTENT
    if not has_flag:
        del members["isError"]
    if meta and not has_meta:
        del members["_meta"]
    return Reply(result=write_members(members), error=None)
