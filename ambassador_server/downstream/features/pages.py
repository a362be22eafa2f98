"""Reads every page of a list of a downstream, within limits, and keeps each definition byte for byte."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.nesting import CUT, MAX_NESTING
from ambassador_server.domain.shared.large_documents import Turns, off_loop
from ambassador_server.downstream.features.list_faults import MAX_NAME_CHARACTERS, ListFaults
from ambassador_server.downstream.wire.items import split_items
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.member_names import MemberNames
from ambassador_server.ports.exchange import Reply

_MAX_PAGES = 1000
_MAX_IDLE_PAGES = 20
_MAX_ITEMS = 10_000
_MAX_ENTRIES = 2 * _MAX_ITEMS
_LARGE_PAGE = 1024 * 1024
_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEFINITION_BYTES = 1024 * 1024
_LARGE_DEFINITION = 64 * 1024


class Defined(Protocol):
    """An item of a list."""

    @property
    def definition(self) -> bytes:
        """Return the JSON object by which the downstream describes it."""
        ...


Item = TypeVar("Item", bound=Defined)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKind(Generic[Item]):
    """One list of the protocol.

    `member` is the member of a page that holds the items. `read_key` returns the text that names an item, and `build`
    the item; both raise `msgspec.DecodeError`. Two items with one key are the same if their `identity` is. A list that
    is `optional` is empty where the downstream does not know its method. It may have `most` items.
    """

    method: str
    member: str
    noun: str
    key_name: str
    read_key: Callable[[bytes], str]
    build: Callable[[str, bytes, ListFaults], Item]
    identity: Callable[[Item], object]
    longest_key: int = MAX_NAME_CHARACTERS
    most: int = _MAX_ITEMS
    optional: bool = False


class _Page(msgspec.Struct, rename="camel"):
    tools: Raw = Raw()
    resources: Raw = Raw()
    resource_templates: Raw = Raw()
    prompts: Raw = Raw()
    next_cursor: Raw = Raw(b"null")


class _Error(msgspec.Struct):
    code: int


_page_decoder = msgspec.json.Decoder(_Page)
_definitions_decoder = msgspec.json.Decoder(list[Raw])
_error_decoder = msgspec.json.Decoder(_Error)
_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_KEYS: Final = MemberNames(("name", "uri", "uriTemplate"))

Request = Callable[[str, bytes], Awaitable[Reply]]
"""Sends one request with a method and raw params, and returns its answer."""

_NO_TEXT: Final = "is no text"
_CAME_BEFORE: Final = "came before"


async def read_list(kind: ListKind[Item], request: Request, faults: ListFaults) -> tuple[Item, ...]:
    """Return the items of all pages; of items with the same key only the first is returned.

    Items that cannot be used are left out with a note in `faults`. A list ends at a cursor that came before, and after
    many pages without a new item. Raises DownstreamUnavailableError for a list that is refused, malformed or too large.
    """
    found = _Found(kind, faults)
    cursors: set[bytes] = set()
    cursor = b""
    idle_pages = 0
    for _ in range(_MAX_PAGES):
        known_before = len(found)
        reply = await request(kind.method, b'{"cursor":%b}' % cursor if cursor else b"{}")
        if reply.result is None and _is_end(kind, cursor, reply.error):
            return found.items()
        items, cursor = _read_page(kind, reply)
        await found.add(items)
        # An empty cursor is a valid cursor.
        if cursor == b"null":
            return found.items()
        if cursor in cursors or not cursor.startswith(b'"'):
            what = _CAME_BEFORE if cursor in cursors else _NO_TEXT
            faults.warn(
                f"the list of its {kind.noun}s ends at a cursor that {what}; {kind.noun}s may be missing"
            )
            return found.items()
        cursors.add(cursor)
        # A server that ignores cursors may invent one for each page.
        idle_pages = 0 if len(found) > known_before else idle_pages + 1
        if idle_pages >= _MAX_IDLE_PAGES:
            break
    faults.warn(
        f"the list of its {kind.noun}s ends after {_MAX_PAGES} pages, or {_MAX_IDLE_PAGES} without a new "
        f"{kind.noun}; {kind.noun}s may be missing"
    )
    return found.items()


class _Found(Generic[Item]):
    """The items found so far, by their keys."""

    def __init__(self, kind: ListKind[Item], faults: ListFaults) -> None:
        self._kind = kind
        self._faults = faults
        self._items: dict[str, Item] = {}
        self._size = 0
        self._turns = Turns()

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> tuple[Item, ...]:
        return tuple(self._items.values())

    async def add(self, array: bytes) -> None:
        """Add the items of one page, a raw JSON array; raises DownstreamUnavailableError if there are too many."""
        kind = self._kind
        for raw in await _definitions(kind, array):
            definition = bytes(raw)
            keyed = await _read(kind, definition, self._faults)
            if keyed is not None:
                self._keep(*keyed)
            if self._turns.is_due(len(definition)):
                await asyncio.sleep(0)
        if len(self._items) > kind.most or self._size > _MAX_BYTES:
            raise DownstreamUnavailableError(
                f"offers more than {kind.most} {kind.noun}s or {_MAX_BYTES} bytes of them"
            )

    def _keep(self, key: str, item: Item) -> None:
        kind = self._kind
        known = self._items.get(key)
        if known is None:
            self._items[key] = item
            self._size += len(item.definition)
        elif kind.identity(known) != kind.identity(item):
            self._faults.leave_out(key, f"an earlier {kind.noun} of the list has the same {kind.key_name}")


def _is_end(kind: ListKind[Item], cursor: bytes, error: bytes | None) -> bool:
    """Tell whether a refusal only means that the list has no more items."""
    # Some servers mark the last page with an empty cursor, which they refuse to continue at.
    if cursor == b'""':
        return True
    try:
        return kind.optional and _error_decoder.decode(error or b"").code == Code.METHOD_NOT_FOUND
    except msgspec.DecodeError:
        return False


def _not_mcp(kind: ListKind[Item]) -> DownstreamUnavailableError:
    return DownstreamUnavailableError(f"answered {kind.method} with something that is not MCP")


def _read_page(kind: ListKind[Item], reply: Reply) -> tuple[bytes, bytes]:
    """Return the raw array of the items and the raw next cursor."""
    if reply.result is None:
        raise DownstreamUnavailableError(f"refused to list its {kind.noun}s")
    try:
        page = _page_decoder.decode(reply.result)
    except (msgspec.DecodeError, RecursionError):
        raise _not_mcp(kind) from None
    return bytes(getattr(page, kind.member)), bytes(page.next_cursor)


async def _definitions(kind: ListKind[Item], array: bytes) -> Sequence[bytes | Raw]:
    if array == b"null":
        # Servers written in Go send an empty list so.
        return ()
    if len(array) <= _LARGE_PAGE:
        try:
            return _definitions_decoder.decode(array)
        except (msgspec.DecodeError, RecursionError):
            raise _not_mcp(kind) from None
    if not array.startswith(b"["):
        raise _not_mcp(kind)
    found = await split_items(array, _MAX_ENTRIES)
    if found is None:
        raise DownstreamUnavailableError(f"lists more than {_MAX_ENTRIES} {kind.noun}s on one page")
    return found


async def _read(kind: ListKind[Item], definition: bytes, faults: ListFaults) -> tuple[str, Item] | None:
    if len(definition) > _LARGE_DEFINITION:
        # The digest of a megabyte takes a third of a second.
        return await off_loop(_read_item, kind, definition, faults)
    return _read_item(kind, definition, faults)


def _read_item(kind: ListKind[Item], definition: bytes, faults: ListFaults) -> tuple[str, Item] | None:
    """Return an item with its key, or None after a note in `faults`."""
    try:
        key = kind.read_key(definition)
        reason = _refusal(kind, key, definition)
        if reason is None:
            return key, kind.build(key, definition, faults)
        faults.leave_out(key, reason)
    except msgspec.DecodeError:
        faults.leave_out("", f"it has no {kind.key_name}")
    return None


def _refusal(kind: ListKind[Item], key: str, definition: bytes) -> str | None:
    if len(definition) > _MAX_DEFINITION_BYTES:
        # The other members, which may take long to decode, are not read.
        return f"its definition is larger than {_MAX_DEFINITION_BYTES} bytes"
    if not 0 < len(key) <= kind.longest_key or not key.isprintable():
        return f"its {kind.key_name} is empty, too long or not printable"
    if CUT in definition:
        return f"its definition is nested deeper than {MAX_NESTING} levels"
    # A host that ignores case would know it by another name than the one that is published.
    spelling = _KEYS.other_spelling(_members_decoder.decode(definition))
    return None if spelling is None else f"its definition {spelling}"
