"""tools/list and tools/call over raw bytes, independent of the era."""

import asyncio
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import META_ALL_TOOLS
from ambassador_protocol.param_headers import (
    HeaderMap,
    InvalidAnnotationError,
    find_mismatch,
    read_header_map,
)
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.published_names import META_TOOL_NAMES
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.shared.large_documents import Turns
from ambassador_server.host_definitions import host_definition
from ambassador_server.mcp.caller import Caller, CallOutcome, Outcome, Page
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_members, write_members
from ambassador_server.mcp.methods.governed_request import GovernedRequests, Target, text_param
from ambassador_server.mcp.methods.pages import check_cursor
from ambassador_server.mcp.methods.refusals import is_unknown
from ambassador_server.mcp.methods.result_uris import map_definition, map_tool_result
from ambassador_server.mcp.methods.results import mapped_result
from ambassador_server.mcp.methods.tasks import TaskMethods, is_task
from ambassador_server.meta_tools.answers import MetaTools
from ambassador_server.meta_tools.arguments import RealCall
from ambassador_server.mirrored_arguments import mirrored_arguments
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.face import Headers
from ambassador_server.services.calls.capability_call import Answered
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.tool_results import valid_result

_NO_ARGUMENTS: Final = msgspec.Raw(b"{}")
_ANNOTATION: Final = b"x-mcp-header"
_Described = tuple[bytes, bytes]


class ToolMethods:
    """Lists and calls tools for a principal; arguments and valid results are forwarded unchanged."""

    def __init__(
        self, *, catalog: Catalog, requests: GovernedRequests, tasks: TaskMethods, meta: MetaTools
    ) -> None:
        self._catalog = catalog
        self._meta = meta
        self._requests = requests
        self._tasks = tasks
        self._described: tuple[CatalogIndex | None, dict[str, _Described]] = (None, {})
        self._header_maps: tuple[CatalogIndex | None, dict[str, HeaderMap]] = (None, {})

    async def list(self, request: Request, caller: Caller) -> Outcome:
        """Serve tools/list: one page, in catalog order, or the tools that search, describe and call."""
        check_cursor(request)
        if self._meta.is_used_by(caller.principal) and not _wants_all(request):
            return Page(b"tools", b",".join(map(msgspec.json.encode, self._meta.listed(caller.principal))))
        entries = self._catalog.visible(caller.principal)
        described, turns = self._descriptions(), Turns()
        for entry in [entry for entry in entries if entry.published not in described]:
            described[entry.published] = self._describe(entry)
            if turns.is_due(len(entry.tool.definition)):
                await asyncio.sleep(0)
        era = int(caller.is_modern)
        own = [self._describe(entry)[era] for entry in self._catalog.own_tools(caller.principal)]
        return Page(b"tools", b",".join([described[entry.published][era] for entry in entries] + own))

    async def call(self, request: Request, caller: Caller) -> Outcome:
        """Serve tools/call."""
        name = text_param(request, "name", "the name of a tool")
        if name in META_TOOL_NAMES and self._meta.is_used_by(caller.principal):
            return await self._call_meta_tool(name, request, caller)
        answer = await self._requests.call(request, caller, Target(kind=CapabilityKind.TOOL, name=name))
        return await self._finished(answer, name, caller)

    async def _call_meta_tool(self, name: str, request: Request, caller: Caller) -> Outcome:
        """Answer a search or a description, or send the call that `call_tool` stands for."""
        arguments = bytes(request.params.get("arguments", _NO_ARGUMENTS))

        def definition(entry: ToolEntry) -> bytes:
            return self._describe(entry)[int(caller.is_modern)]

        real = await self._meta.answer(name, arguments, caller.principal, caller.origin, definition)
        if not isinstance(real, RealCall):
            return real
        # Everything else of the request stays: metadata, answers to questions and the state that they belong to.
        named = {
            "name": msgspec.Raw(msgspec.json.encode(real.name)),
            "arguments": msgspec.Raw(real.arguments),
        }
        stood_for = replace(request, params=request.params | named)
        answer = await self._requests.call(
            stood_for, caller, Target(kind=CapabilityKind.TOOL, name=real.name)
        )
        if isinstance(answer, Reply) and is_unknown(answer):
            return await self._meta.unknown(real.name, caller.principal)
        return await self._finished(answer, real.name, caller)

    async def _finished(self, answer: CallOutcome, name: str, caller: Caller) -> Outcome:
        """Return what the host gets of the answer to a call."""
        if not isinstance(answer, Answered):
            return answer
        if caller.is_modern and is_task(answer.reply):
            return self._tasks.sealed(answer, name, caller)
        reply = await valid_result(answer.reply)
        # Searched with `find`: for bytes, `in` first tries another meaning, which takes several times as long.
        if reply.result is None or (reply.result.find(b"uri") < 0 and reply.result.find(b"Uri") < 0):
            return reply
        publish = partial(self._catalog.published_uri, answer.mcp_id)
        return await mapped_result(reply, lambda result: map_tool_result(result, publish))

    async def check_mirrored_arguments(
        self, request: Request, principal: Principal, headers: Headers
    ) -> None:
        """Refuse arguments that contradict their headers, unless the tool is hidden from the caller."""
        name = text_param(request, "name", "the name of a tool")
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

    def _describe(self, entry: ToolEntry) -> _Described:
        """Return a tool as hosts of the legacy and of the modern era get it; most definitions are the same for both."""
        name = {"name": msgspec.Raw(msgspec.json.encode(entry.published))}
        publish = partial(self._catalog.published_uri, entry.ref.mcp_id)
        definition = map_definition(entry.tool.definition, publish)
        found = host_definition(definition, modern=False)
        legacy = write_members(found.members | name)
        if not found.is_changed:
            return legacy, legacy
        return legacy, write_members(host_definition(definition, modern=True).members | name)

    def _descriptions(self) -> dict[str, _Described]:
        """Return the tools of the current catalog as they are listed, by name, as far as any was listed yet."""
        if self._described[0] is not self._catalog.index():
            self._described = (self._catalog.index(), {})
        return self._described[1]


def _wants_all(request: Request) -> bool:
    """Tell whether a list of all tools is asked for, as the commands of ambassador-client do."""
    meta = request.params.get("_meta")
    return meta is not None and bytes(read_members(meta).get(META_ALL_TOOLS, b"")) == b"true"
