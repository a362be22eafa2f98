"""Lists of what a principal may use: one page each, in catalog order, as raw JSON."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.shared.large_documents import Turns
from ambassador_server.mcp.caller import Page
from ambassador_server.mcp.envelope import EnvelopeError, Request, read_members, write_members
from ambassador_server.services.calls.catalog_index import CatalogEntry


def check_cursor(request: Request) -> None:
    """Refuse a cursor: this server gives none, because each list has one page. Raises EnvelopeError."""
    if "cursor" in request.params and bytes(request.params["cursor"]) != b"null":
        raise EnvelopeError(Code.INVALID_PARAMS, "Unknown cursor: the list has one page")


async def page_of(
    member: bytes, entries: Iterable[CatalogEntry], describe: Callable[[CatalogEntry], bytes]
) -> Page:
    """Return the page; a long one is put together in slices."""
    items, turns = [], Turns()
    for entry in entries:
        items.append(describe(entry))
        if turns.is_due(len(items[-1])):
            await asyncio.sleep(0)
    return Page(member, b",".join(items))


def renamed(entry: CatalogEntry, member: str) -> bytes:
    """Return the definition of an entry under its published name or URI; it is unchanged if that is its own."""
    if entry.published == entry.name:
        return entry.definition
    name = {member: msgspec.Raw(msgspec.json.encode(entry.published))}
    return write_members(read_members(entry.definition) | name)
