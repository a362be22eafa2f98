"""The repositories of lists of tools with their definitions, stored as one document per MCP."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, select

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.mcps import Tool, ToolClass
from ambassador_server.errors import ConflictError
from ambassador_server.storage.transaction import RefusedError, Transaction
from ambassador_server.storage.value_checks import check_key

# Definitions are normally UTF-8; other bytes are kept as surrogate escapes.
_ENCODING = ("utf-8", "surrogateescape")

# A list may be large, and takes several times as much memory while it is read.
_LISTS_AT_ONCE = 20


class ToolListRepository:
    """The lists of one table, by MCP."""

    def __init__(self, transaction: Transaction, table: Table) -> None:
        self._transaction = transaction
        self._table = table

    async def put(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        """Replace the stored tools of an MCP."""
        check_key(mcp_id, "The id")
        row = {"mcp_id": mcp_id, "document": {"tools": [_to_json(tool) for tool in tools]}}
        try:
            await self._transaction.change(self._transaction.dialect.upsert(self._table), row)
        except RefusedError:
            raise ConflictError(f"The tools refer to an unknown MCP {mcp_id!r}.") from None

    async def get(self, mcp_id: str) -> tuple[Tool, ...]:
        """Return the stored tools of an MCP."""
        check_key(mcp_id, "The id")
        rows = await self._transaction.rows(select(self._table).where(self._table.c.mcp_id == mcp_id))
        return next((_from_document(document) for _, document in rows), ())

    async def all(self) -> dict[str, tuple[Tool, ...]]:
        """Return tools by MCP id."""
        return dict(await self._transaction.objects(select(self._table), _from_row, _LISTS_AT_ONCE))


def _to_json(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "tool_class": tool.tool_class,
        "definition": tool.definition.decode(*_ENCODING),
        "digest": tool.digest,
    }


def _from_row(row: Sequence[Any]) -> tuple[str, tuple[Tool, ...]]:
    mcp_id, document = row
    return mcp_id, _from_document(document)


def _from_document(document: Mapping[str, Any]) -> tuple[Tool, ...]:
    return tuple(map(_from_json, document["tools"]))


def _from_json(document: Mapping[str, Any]) -> Tool:
    definition = document["definition"].encode(*_ENCODING)
    # The policy has the same names and digests: equal ones are one string in memory.
    return Tool(
        name=sys.intern(document["name"]),
        description=document["description"],
        tool_class=ToolClass(document["tool_class"]),
        definition=definition,
        # Older versions stored none.
        digest=sys.intern(document.get("digest") or definition_digest(definition)),
    )
