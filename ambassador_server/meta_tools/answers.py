"""Lists and serves the three tools for every face; a face itself sends what `call_tool` calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.meta_tools.arguments import ArgumentError, RealCall, read_call, read_name, read_search
from ambassador_server.meta_tools.definitions import CALL, DEFINITIONS, SEARCH
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.catalog_index import ToolEntry
from ambassador_server.services.calls.tool_search import ToolSearch, title_of

_MOST_DESCRIBED: Final = 300
"""How many characters of a description a search returns."""
_SHOWN: Final = 200

Definition = Callable[[ToolEntry], bytes]
"""Returns the JSON object that the hosts of a face get of a tool."""


class MetaTools:
    """What the faces need of the three tools."""

    def __init__(self, search: ToolSearch) -> None:
        self._search = search

    def is_used_by(self, principal: Principal) -> bool:
        """Tell whether a principal gets these tools instead of a list."""
        return self._search.stands_in_for_list(principal)

    def listed(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """Return the definitions for a principal who gets these tools; none while nothing is permitted to it.

        Raises PolicyStaleError.
        """
        return tuple(DEFINITIONS.values()) if self._search.is_offered(principal) else ()

    async def answer(
        self, name: str, arguments: bytes, principal: Principal, origin: Origin, definition: Definition
    ) -> Reply | RealCall:
        """Answer a search and a description; return what `call_tool` calls.

        Raises RateLimitedError, PolicyStaleError and AuditUnavailableError.
        """
        try:
            if name == CALL:
                return await read_call(arguments)
            await self._search.count(principal, origin, name)
            if name == SEARCH:
                return await self._found(arguments, principal)
            return await self._described(read_name(arguments), principal, definition)
        except ArgumentError as error:
            return failed(str(error))

    async def unknown(self, name: str, principal: Principal) -> Reply:
        """Return the answer to a call of a tool that does not exist for the principal: the names that are near."""
        near = ", ".join(map(repr, await self._search.near(principal, name)))
        text = f"Unknown tool: {name[:_SHOWN]}"
        return failed(f"{text}{f'; near: {near}' if near else ''}. {SEARCH} finds the names of tools.")

    async def _found(self, arguments: bytes, principal: Principal) -> Reply:
        wanted = read_search(arguments)
        found = await self._search.find(principal, wanted.query, limit=wanted.limit, offset=wanted.offset)
        return _structured({"tools": [_summary(each) for each in found.tools], "total": found.total})

    async def _described(self, name: str, principal: Principal, definition: Definition) -> Reply:
        entry = self._search.tool(principal, name)
        if entry is None:
            return await self.unknown(name, principal)
        return _structured({"tool": Raw(definition(entry))})


def failed(text: str) -> Reply:
    """Return a result that tells the model what went wrong."""
    return Reply(
        result=msgspec.json.encode({"content": [{"type": "text", "text": text}], "isError": True}), error=None
    )


def _structured(value: Mapping[str, Any]) -> Reply:
    """Return a result with a value, and its JSON as a text for hosts that read no structured content."""
    encoded = msgspec.json.encode(value)
    content = [{"type": "text", "text": encoded.decode()}]
    return Reply(
        result=msgspec.json.encode({"content": content, "structuredContent": Raw(encoded)}), error=None
    )


def _summary(entry: ToolEntry) -> Mapping[str, str]:
    description, title = entry.tool.description, title_of(entry)
    if len(description) > _MOST_DESCRIBED:
        description = f"{description[: _MOST_DESCRIBED - 1]}…"
    return {"name": entry.published, **({"title": title} if title else {}), "description": description}
