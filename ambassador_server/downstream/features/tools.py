"""Reading a whole tools/list: every page, within limits, each definition kept byte for byte."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Raw

from ambassador_server.domain.catalog.mcps import Tool, classify_tool
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.downstream import Reply

_LARGEST_PAGES = 1000
_LARGEST_TOOLS = 10_000
_LARGEST_BYTES = 64 * 1024 * 1024
_LARGEST_NAME = 256

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


async def list_tools(ask: Callable[[str, bytes], Awaitable[Reply]]) -> tuple[Tool, ...]:
    """Walk every page with `ask(method, params)`; what is no tool is left out, of a name only the first counts.

    Raises DownstreamUnavailableError for a list that is refused, broken, or beyond every reason.
    """
    tools: dict[str, Tool] = {}
    params = b"{}"
    size = 0
    for _ in range(_LARGEST_PAGES):
        page = _read_page(await ask("tools/list", params))
        for definition in page.tools:
            tool = _read_tool(bytes(definition))
            if tool is not None and tool.name not in tools:
                tools[tool.name] = tool
                size += len(tool.definition)
        if len(tools) > _LARGEST_TOOLS or size > _LARGEST_BYTES:
            raise DownstreamUnavailableError(
                f"offers more than {_LARGEST_TOOLS} tools or {_LARGEST_BYTES} bytes of them"
            )
        # An empty cursor is a cursor like any other.
        if page.next_cursor is None:
            return tuple(tools.values())
        params = msgspec.json.encode({"cursor": page.next_cursor})
    raise DownstreamUnavailableError(f"lists its tools on more than {_LARGEST_PAGES} pages")


def _read_page(reply: Reply) -> _Page:
    if reply.result is None:
        raise DownstreamUnavailableError("refused to list its tools")
    try:
        return _page_decoder.decode(reply.result)
    except (msgspec.DecodeError, RecursionError):
        raise DownstreamUnavailableError("answered tools/list with something that is not MCP") from None


def _read_tool(definition: bytes) -> Tool | None:
    try:
        head = _head_decoder.decode(definition)
    except msgspec.DecodeError:
        _log.warning("a tool without a name is left out")
        return None
    if not 0 < len(head.name) <= _LARGEST_NAME or not head.name.isprintable():
        _log.warning("a tool is left out: its name is empty, too long or not printable")
        return None
    return Tool(
        name=head.name,
        description=head.description if isinstance(head.description, str) else "",
        tool_class=classify_tool(head.annotations if isinstance(head.annotations, dict) else {}),
        definition=definition,
    )
