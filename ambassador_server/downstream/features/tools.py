"""Reads every page of `tools/list`, within limits, and keeps each definition byte for byte."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ambassador_protocol.nesting import CUT, MAX_NESTING
from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.mcps import Tool, classify_tool
from ambassador_server.domain.shared.large_documents import Turns, off_loop
from ambassador_server.downstream.features.list_faults import MAX_NAME_CHARACTERS, ListFaults
from ambassador_server.downstream.wire.items import split_items
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.host_definitions import host_warnings
from ambassador_server.ports.exchange import Reply

_MAX_PAGES = 1000
_MAX_IDLE_PAGES = 20
_MAX_TOOLS = 10_000
_MAX_ENTRIES = 2 * _MAX_TOOLS
_LARGE_PAGE = 1024 * 1024
_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEFINITION_BYTES = 1024 * 1024
_LARGE_DEFINITION = 64 * 1024
_NOT_MCP: Final = "answered tools/list with something that is not MCP"


class _Page(msgspec.Struct, rename="camel"):
    tools: Raw
    next_cursor: Raw = Raw(b"null")


class _Named(msgspec.Struct):
    name: str


class _Head(msgspec.Struct):
    name: str
    description: Any = None
    annotations: Any = None


_page_decoder = msgspec.json.Decoder(_Page)
_definitions_decoder = msgspec.json.Decoder(list[Raw])
_name_decoder = msgspec.json.Decoder(_Named)
_head_decoder = msgspec.json.Decoder(_Head)


async def list_tools(
    request: Callable[[str, bytes], Awaitable[Reply]], faults: ListFaults
) -> tuple[Tool, ...]:
    """Return the tools of all pages; of tools with the same name only the first is returned.

    `request(method, params)` sends one request. Tools that cannot be used are left out with a note in `faults`. A list
    ends at a cursor that came before, and after many pages without a new tool. Raises DownstreamUnavailableError for a
    list that is refused, malformed or too large.
    """
    tools: dict[str, Tool] = {}
    cursors: set[bytes] = set()
    cursor = b""
    size = idle_pages = 0
    turns = Turns()
    for _ in range(_MAX_PAGES):
        known_before = len(tools)
        reply = await request("tools/list", b'{"cursor":%b}' % cursor if cursor else b"{}")
        if reply.result is None and cursor == b'""':
            # Some servers mark the last page with an empty cursor, which they refuse to continue at.
            return tuple(tools.values())
        page = _read_page(reply)
        for definition in await _definitions(bytes(page.tools)):
            tool = await _read(bytes(definition), faults)
            if tool is not None and _is_new(tool, tools, faults):
                tools[tool.name] = tool
                size += len(tool.definition)
            if turns.is_due(len(bytes(definition))):
                await asyncio.sleep(0)
        if len(tools) > _MAX_TOOLS or size > _MAX_BYTES:
            raise DownstreamUnavailableError(
                f"offers more than {_MAX_TOOLS} tools or {_MAX_BYTES} bytes of them"
            )
        # An empty cursor is a valid cursor.
        cursor = bytes(page.next_cursor)
        if cursor == b"null":
            return tuple(tools.values())
        if cursor in cursors or not cursor.startswith(b'"'):
            what = "came before" if cursor in cursors else "is no text"
            faults.warn(f"the list of its tools ends at a cursor that {what}; tools may be missing")
            return tuple(tools.values())
        cursors.add(cursor)
        # A server that ignores cursors may invent one for each page.
        idle_pages = 0 if len(tools) > known_before else idle_pages + 1
        if idle_pages >= _MAX_IDLE_PAGES:
            break
    faults.warn(
        f"the list of its tools ends after {_MAX_PAGES} pages, or {_MAX_IDLE_PAGES} without a new tool; "
        "tools may be missing"
    )
    return tuple(tools.values())


def _is_new(tool: Tool, tools: Mapping[str, Tool], faults: ListFaults) -> bool:
    known = tools.get(tool.name)
    if known is not None and known.digest != tool.digest:
        faults.leave_out(tool.name, "an earlier tool of the list has the same name")
    return known is None


def _read_page(reply: Reply) -> _Page:
    if reply.result is None:
        raise DownstreamUnavailableError("refused to list its tools")
    try:
        return _page_decoder.decode(reply.result)
    except (msgspec.DecodeError, RecursionError):
        raise DownstreamUnavailableError(_NOT_MCP) from None


async def _definitions(tools: bytes) -> Sequence[bytes | Raw]:
    if tools == b"null":
        # Servers written in Go send an empty list so.
        return ()
    if len(tools) <= _LARGE_PAGE:
        try:
            return _definitions_decoder.decode(tools)
        except (msgspec.DecodeError, RecursionError):
            raise DownstreamUnavailableError(_NOT_MCP) from None
    if not tools.startswith(b"["):
        raise DownstreamUnavailableError(_NOT_MCP)
    found = await split_items(tools, _MAX_ENTRIES)
    if found is None:
        raise DownstreamUnavailableError(f"lists more than {_MAX_ENTRIES} tools on one page")
    return found


async def _read(definition: bytes, faults: ListFaults) -> Tool | None:
    if len(definition) > _LARGE_DEFINITION:
        # The digest of a megabyte takes a third of a second.
        return await off_loop(_read_tool, definition, faults)
    return _read_tool(definition, faults)


def _read_tool(definition: bytes, faults: ListFaults) -> Tool | None:
    try:
        if len(definition) > _MAX_DEFINITION_BYTES:
            # Without the other members, which may take long to decode.
            name = _name_decoder.decode(definition).name
            faults.leave_out(name, f"its definition is larger than {_MAX_DEFINITION_BYTES} bytes")
            return None
        head = _head_decoder.decode(definition)
    except msgspec.DecodeError:
        faults.leave_out("", "it has no name")
        return None
    reason = _refusal(head.name, definition)
    if reason is not None:
        faults.leave_out(head.name, reason)
        return None
    for warning in host_warnings(definition):
        faults.warn(f"the tool '{head.name}' is changed for hosts: {warning}")
    return Tool(
        name=head.name,
        description=head.description if isinstance(head.description, str) else "",
        tool_class=classify_tool(head.annotations if isinstance(head.annotations, dict) else {}),
        definition=definition,
        digest=definition_digest(definition),
    )


def _refusal(name: str, definition: bytes) -> str | None:
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        return "its name is empty, too long or not printable"
    if CUT in definition:
        return f"its definition is nested deeper than {MAX_NESTING} levels"
    return None
