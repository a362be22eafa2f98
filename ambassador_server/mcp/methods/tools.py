"""tools/list and tools/call for both eras, over raw bytes."""

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.param_headers import InvalidAnnotationError, find_mismatch, read_header_map
from ambassador_server.domain.policy.decision import Reason
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Message,
    error_body,
    raw_error_reply,
    read_members,
    result_reply,
    write_members,
)
from ambassador_server.mcp.methods.progress import PROGRESS_TOKEN, progress_for
from ambassador_server.ports.face import FaceRequest
from ambassador_server.services.calls.catalog import Catalog, CatalogEntry, CatalogIndex
from ambassador_server.services.calls.pipeline import Answered, CallPipeline, Refused, ToolCall

_MODERN_RESULT = frozenset({"resultType", "ttlMs", "cacheScope"})


_ANNOTATION = b"x-mcp-header"


class _Kind(msgspec.Struct):
    resultType: str | None = None


_kind_decoder = msgspec.json.Decoder(_Kind)


class ToolMethods:
    """Lists and calls tools for a principal; a result passes unchanged but for what the era demands."""

    def __init__(self, *, catalog: Catalog, calls: CallPipeline) -> None:
        self._catalog = catalog
        self._calls = calls
        self._described: tuple[CatalogIndex | None, dict[str, bytes]] = (None, {})

    def list(self, message: Message, request: FaceRequest, *, modern: bool) -> bytes:
        """Return the reply of tools/list: one page, in catalog order."""
        if message.id is None:
            raise EnvelopeError(Code.INVALID_REQUEST, "tools/list is a request")
        if "cursor" in message.params and bytes(message.params["cursor"]) != b"null":
            return error_body(message.id, Code.INVALID_PARAMS, "Unknown cursor: the list has one page")
        tools = b",".join(self._describe(entry) for entry in self._catalog.visible(request.principal))
        # What a principal sees depends on its grants, so no shared cache may keep it.
        tail = b'],"resultType":"complete","ttlMs":0,"cacheScope":"private"}' if modern else b"]}"
        return result_reply(message.id, b'{"tools":[' + tools + tail)

    async def call(self, message: Message, request: FaceRequest, *, modern: bool) -> bytes:
        """Return the reply of tools/call."""
        if message.id is None:
            raise EnvelopeError(Code.INVALID_REQUEST, "tools/call is a request")
        if modern:
            self._check_mirrored(message, request)
        members, token = _forwarded_members(message)
        answer = await self._calls.call(
            ToolCall(
                principal=request.principal,
                origin=request.origin,
                name=_tool_name(message),
                members=members,
                progress=progress_for(token, request) if token is not None else None,
            )
        )
        match answer:
            case Refused(deny, text):
                code = Code.DENIED if deny.disclosed else Code.INVALID_PARAMS
                data = (
                    {"reason": deny.reason.value} if deny.disclosed else {"reason": Reason.UNKNOWN_TOOL.value}
                )
                return error_body(message.id, code, text, data)
            case Answered(reply):
                if reply.result is None:
                    return raw_error_reply(message.id, reply.error or b"null")
                return result_reply(message.id, _for_era(reply.result, modern=modern))

    def _check_mirrored(self, message: Message, request: FaceRequest) -> None:
        """Refuse arguments that the headers contradict, for tools that the caller may know of."""
        entry = self._catalog.find(request.principal, _tool_name(message))
        if entry is None or _ANNOTATION not in entry.tool.definition:
            return
        try:
            header_map = read_header_map(entry.tool.definition)
            arguments = msgspec.json.decode(message.params.get("arguments", b"{}"))
        except (InvalidAnnotationError, msgspec.MsgspecError, RecursionError):
            return  # such a tool mirrors nothing; arguments that cannot be read are refused further on
        contradicted = find_mismatch(header_map, arguments, request.headers.get)
        if contradicted is not None:
            raise EnvelopeError(
                Code.HEADER_MISMATCH, f"{contradicted} does not equal the argument it mirrors"
            )

    def _describe(self, entry: CatalogEntry) -> bytes:
        index, described = self._described
        if index is not self._catalog.index():
            described = {}
            self._described = (self._catalog.index(), described)
        found = described.get(entry.published)
        if found is None:
            members = read_members(entry.tool.definition)
            members["name"] = msgspec.Raw(msgspec.json.encode(entry.published))
            found = described[entry.published] = write_members(members)
        return found


def _tool_name(message: Message) -> str:
    try:
        return msgspec.json.decode(message.params["name"], type=str)
    except (KeyError, msgspec.MsgspecError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, "params.name must be the name of a tool") from error


def _forwarded_members(message: Message) -> tuple[dict[str, bytes], bytes | None]:
    """Return what goes on to the downstream, and the caller's progress token, which does not."""
    members = {key: bytes(raw) for key, raw in message.params.items() if key != "name"}
    if not members.get("arguments", b"{").startswith(b"{"):
        raise EnvelopeError(Code.INVALID_PARAMS, "params.arguments must be an object")
    # Read, not searched: a name may be spelled with escapes, and a token of the caller's choice that went on could be
    # one that we have given to the call of somebody else.
    meta = read_members(members["_meta"]) if "_meta" in members else {}
    token = meta.pop(PROGRESS_TOKEN, None)
    if token is None:
        return members, None
    members["_meta"] = write_members(meta)
    return members, bytes(token)


def _for_era(result: bytes, *, modern: bool) -> bytes:
    """Add or take away the members that only the stateless era knows; leave everything else as it came."""
    try:
        kind = _kind_decoder.decode(result).resultType
    except msgspec.MsgspecError:
        return result
    if modern and kind is None:
        return write_members(read_members(result) | {"resultType": msgspec.Raw(b'"complete"')})
    if not modern and kind is not None:
        return write_members({k: raw for k, raw in read_members(result).items() if k not in _MODERN_RESULT})
    return result
