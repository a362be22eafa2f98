"""Remembers which arguments of which tools are repeated in HTTP headers, as the tool lists declare it."""

import json
from collections.abc import Callable
from typing import Any, Final

from ambassador_client.errors import one_line
from ambassador_protocol.param_headers import HeaderMap, InvalidAnnotationError, header_map

MAX_TOOLS: Final = 4096


class ToolHeaders:
    """Holds the header annotations of at most MAX_TOOLS tools; `report` receives why a tool was left out."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._maps: dict[str, HeaderMap] = {}

    def header_map_of(self, tool: object) -> HeaderMap:
        """Return the argument paths and header names of a tool; empty if none are known."""
        return self._maps.get(tool, {}) if isinstance(tool, str) else {}

    def learn_from_list(self, line: bytes) -> bytes:
        """Store the annotations of a `tools/list` answer; return it without the tools whose annotations are invalid.

        The protocol requires that a client leaves such tools out.
        """
        answer = json.loads(line)
        result = answer.get("result")
        tools = result.get("tools") if isinstance(result, dict) else None
        if not isinstance(tools, list):
            return line
        kept = [tool for tool in tools if self._remember(tool)]
        if len(kept) == len(tools):
            return line
        result["tools"] = kept
        return json.dumps(answer, separators=(",", ":")).encode()

    def _remember(self, tool: Any) -> bool:
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str):
            return True
        self._maps.pop(name, None)
        try:
            found = header_map(tool.get("inputSchema"))
        except InvalidAnnotationError as error:
            self._report(one_line(f"the tool {name!r} is left out: {error}"))
            return False
        if found:
            while len(self._maps) >= MAX_TOOLS:
                del self._maps[next(iter(self._maps))]
            self._maps[name] = found
        return True
