"""tools/list and tools/call over raw bytes, independent of the era."""

import asyncio
from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.param_headers import (
    HeaderMap,
    InvalidAnnotationError,
    find_mismatch,
    read_header_map,
)
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.shared.large_documents import Turns
from ambassador_server.host_definitions import host_definition
from ambassador_server.mcp.caller import Caller, Outcome, Page
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Request,
    error_object,
    read_members,
    write_members,
)
from ambassador_server.mcp.methods.progress import PROGRESS_TOKEN, progress_teller
from ambassador_server.mirrored_arguments import mirrored_arguments
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.face import Headers
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.services.calls.pipeline import CallPipeline, CapabilityCall
from ambassador_server.tool_results import valid_result
from ambassador_server.wording.refusals import refusal_text, told_reason

_ANNOTATION: Final = b"x-mcp-header"
_Described = tuple[bytes, bytes]


class ToolMethods:
    """Lists and calls tools for a principal; arguments and valid results are forwarded unchanged."""

    def __init__(self, *, catalog: Catalog, calls: CallPipeline) -> None:
        self._catalog = catalog
        self._calls = calls
        self._described: tuple[CatalogIndex | None, dict[str, _Described]] = (None, {})
        self._header_maps: tuple[CatalogIndex | None, dict[str, HeaderMap]] = (None, {})

    async def list(self, request: Request, caller: Caller) -> Outcome:
        """Serve tools/list: one page, in catalog order."""
        if "cursor" in request.params and bytes(request.params["cursor"]) != b"null":
            raise EnvelopeError(Code.INVALID_PARAMS, "Unknown cursor: the list has one page")
        entries = self._catalog.visible(caller.principal)
        described, turns = self._descriptions(), Turns()
        for entry in [entry for entry in entries if entry.published not in described]:
            described[entry.published] = _describe(entry)
            if turns.is_due(len(entry.tool.definition)):
                await asyncio.sleep(0)
        era = int(caller.is_modern)
        return Page(b"tools", b",".join([described[entry.published][era] for entry in entries]))

    async def call(self, request: Request, caller: Caller) -> Outcome:
        """Serve tools/call."""
        members, token = _forwarded_members(request)
        name = _tool_name(request)
        answer = await self._calls.call(
            CapabilityCall(
                principal=caller.principal,
                origin=caller.origin,
                kind=CapabilityKind.TOOL,
                method="tools/call",
                name=name,
                members=members,
                capabilities=caller.capabilities,
                tell=None if token is None else progress_teller(token, caller.tell),
                ask=caller.ask,
            )
        )
        return _refusal(answer, name) if isinstance(answer, Deny) else await valid_result(answer.reply)

    async def check_mirrored_arguments(
        self, request: Request, principal: Principal, headers: Headers
    ) -> None:
        """Refuse arguments that contradict their headers, unless the tool is hidden from the caller."""
        name = _tool_name(request)
        entry = self._catalog.tool(name)
        if entry is None or _ANNOTATION not in entry.tool.definition:
            return
        if self._catalog.find_tool(principal, name) is None:
            return
        try:
            header_map = self._header_map(entry)
            if not header_map:
                return
            arguments = await mirrored_arguments(request.params.get("arguments", b"{}"), header_map)
        except (msgspec.MsgspecError, RecursionError):
            return  # Invalid arguments are refused when the tool is called.
        contradicted = find_mismatch(header_map, arguments, headers.get)
        if contradicted is not None:
            raise EnvelopeError(
                Code.HEADER_MISMATCH, f"{contradicted} does not equal the argument it mirrors"
            )

    def _header_map(self, entry: ToolEntry) -> HeaderMap:
        """Return the arguments that a tool of the current catalog mirrors; a malformed annotation mirrors nothing."""
        if self._header_maps[0] is not self._catalog.index():
            self._header_maps = (self._catalog.index(), {})
        known = self._header_maps[1]
        if entry.published not in known:
            try:
                known[entry.published] = read_header_map(entry.tool.definition)
            except InvalidAnnotationError:
                known[entry.published] = {}
        return known[entry.published]

    def _descriptions(self) -> dict[str, _Described]:
        """Return the tools of the current catalog as they are listed, by name, as far as any was listed yet."""
        if self._described[0] is not self._catalog.index():
            self._described = (self._catalog.index(), {})
        return self._described[1]


def _describe(entry: ToolEntry) -> _Described:
    """Return a tool as hosts of the legacy and of the modern era get it; most definitions are the same for both."""
    name = {"name": msgspec.Raw(msgspec.json.encode(entry.published))}
    found = host_definition(entry.tool.definition, modern=False)
    legacy = write_members(found.members | name)
    if not found.is_changed:
        return legacy, legacy
    return legacy, write_members(host_definition(entry.tool.definition, modern=True).members | name)


def _refusal(deny: Deny, name: str) -> Reply:
    code = Code.DENIED if deny.disclosed else Code.INVALID_PARAMS
    told = {"reason": told_reason(deny, CapabilityKind.TOOL).value}
    return Reply(result=None, error=error_object(code, refusal_text(deny, name), told))


def _tool_name(request: Request) -> str:
    try:
        return msgspec.json.decode(request.params["name"], type=str)
    except (KeyError, msgspec.MsgspecError) as error:
        raise EnvelopeError(Code.INVALID_PARAMS, "params.name must be the name of a tool") from error


def _forwarded_members(request: Request) -> tuple[dict[str, bytes], bytes | None]:
    """Return the params to forward to the downstream, and the caller's progress token, which is not forwarded."""
    members = {key: bytes(raw) for key, raw in request.params.items() if key != "name"}
    if not members.get("arguments", b"{").startswith(b"{"):
        raise EnvelopeError(Code.INVALID_PARAMS, "params.arguments must be an object")
    # Decoded instead of searched, because a member name may contain escapes. A forwarded token could equal the token
    # that this server has given to another call.
    meta = read_members(members["_meta"]) if "_meta" in members else {}
    token = meta.pop(PROGRESS_TOKEN, None)
    if token is None:
        return members, None
    members["_meta"] = write_members(meta)
    return members, bytes(token)
