"""The repository of the tools that each downstream listed last, stored as one document per MCP."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from ambassador_server.domain.catalog.mcps import Tool, ToolClass
from ambassador_server.errors import ConflictError
from ambassador_server.storage.tables import last_known_tools
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_key

# Definitions are normally UTF-8; other bytes are kept as surrogate escapes.
_ENCODING = ("utf-8", "surrogateescape")


class LastKnownToolRepository:
    """Tools by MCP."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def put(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        """Replace the stored tools of an MCP."""
        check_key(mcp_id, "The id")
        row = {"mcp_id": mcp_id, "document": {"tools": [_to_json(tool) for tool in tools]}}
        try:
            await self._transaction.change(self._transaction.dialect.upsert(last_known_tools), row)
        except RefusedError:
            raise ConflictError(f"The tools refer to an unknown MCP {mcp_id!r}.") from None

    async def all(self) -> dict[str, tuple[Tool, ...]]:
        """Return tools by MCP id."""
        rows = await self._transaction.rows(select(last_known_tools))
        return {mcp_id: tuple(map(_from_json, document["tools"])) for mcp_id, document in rows}


def _to_json(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "tool_class": tool.tool_class,
        "definition": tool.definition.decode(*_ENCODING),
    }


def _from_json(document: Mapping[str, Any]) -> Tool:
    return Tool(
        name=document["name"],
        description=document["description"],
        tool_class=ToolClass(document["tool_class"]),
        definition=document["definition"].encode(*_ENCODING),
    )
