"""Reads every page of `tools/list`, within limits, and keeps each definition byte for byte."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Raw

from ambassador_protocol.nesting import CUT
from ambassador_server.domain.catalog.mcps import Tool, classify_tool
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

_MAX_PAGES = 1000
_MAX_TOOLS = 10_000
_MAX_BYTES = 64 * 1024 * 1024
_MAX_DEFINITION_BYTES = 1024 * 1024
_MAX_NAME_CHARACTERS = 256

_log = logging.getLogger(__name__)


class _Page(msgspec.Struct, rename="camel"):
    tools: list[Raw]
    next_cursor: str | None = None


class _Head(msgspec.Struct):
    name: str
    description: Any = None
    annotations: Any = None


_page_decoder = msgspec.json.Decoder(_Page)
_head_decoder = msgspec.json.Decoder(_Head)


async def list_tools(request: Callable[[str, bytes], Awaitable[Reply]]) -> tuple[Tool, ...]:
    """Return the tools of all pages; entries without a usable name and repeated names are left out.

    `request(method, params)` sends one request. Raises DownstreamUnavailableError for a list that is refused,
    malformed or too large.
    """
    tools: dict[str, Tool] = {}
    params = b"{}"
    size = 0
    for _ in range(_MAX_PAGES):
        page = _read_page(await request("tools/list", params))
        for definition in page.tools:
            tool = _read_tool(bytes(definition))
            if tool is not None and tool.name not in tools:
                tools[tool.name] = tool
                size += len(tool.definition)
        if len(tools) > _MAX_TOOLS or size > _MAX_BYTES:
            raise DownstreamUnavailableError(
                f"offers more than {_MAX_TOOLS} tools or {_MAX_BYTES} bytes of them"
            )
        # An empty cursor is a valid cursor.
        if page.next_cursor is None:
            return tuple(tools.values())
        params = msgspec.json.encode({"cursor": page.next_cursor})
    raise DownstreamUnavailableError(f"lists its tools on more than {_MAX_PAGES} pages")


def _read_page(reply: Reply) -> _Page:
    if reply.result is None:
        raise DownstreamUnavailableError("refused to list its tools")
    try:
        return _page_decoder.decode(reply.result)
    except (msgspec.DecodeError, RecursionError):
        raise DownstreamUnavailableError("answered tools/list with something that is not MCP") from None


def _read_tool(definition: bytes) -> Tool | None:
    if len(definition) > _MAX_DEFINITION_BYTES or CUT in definition:
        _log.warning("a tool is left out: its definition is too large or nested too deep")
        return None
    try:
        head = _head_decoder.decode(definition)
    except msgspec.DecodeError:
        _log.warning("a tool without a name is left out")
        return None
    if not 0 < len(head.name) <= _MAX_NAME_CHARACTERS or not head.name.isprintable():
        _log.warning("a tool is left out: its name is empty, too long or not printable")
        return None
    return Tool(
        name=head.name,
        description=head.description if isinstance(head.description, str) else "",
        tool_class=classify_tool(head.annotations if isinstance(head.annotations, dict) else {}),
        definition=definition,
    )
