"""Finds tools by words among those that a principal may use.

One index serves all principals: it is built at the first search after a change of the catalog, and each search is
filtered by the decision about every tool that it found.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.search_words import SearchedTexts, query_words, searched_text
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.domain.shared.names import similar_names
from ambassador_server.ports.throttle import Rate
from ambassador_server.ports.tool_search import BuildSearchIndex, SearchIndex
from ambassador_server.services.audit.rate_refusals import refuse_for_rate
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.services.calls.published_tools import argument_names
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_SLICE: Final = 512
"""How many tools are decided before the event loop gets a turn."""
_LONGEST_NAME: Final = 256
"""How many characters of an unknown name are compared."""
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value_decoder = msgspec.json.Decoder()


class FoundTools(Struct, frozen=True):
    """Some of the tools that were found, the best first, and how many were found."""

    tools: Sequence[ToolEntry]
    total: int


class _Built(Struct, frozen=True):
    """The tools of one catalog by name, and what finds their positions as soon as it is built."""

    catalog: CatalogIndex
    tools: Sequence[ToolEntry]
    index: asyncio.Future[SearchIndex]


class ToolSearch:
    """Searches and describes tools; a search counts as a call of the key."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        catalog: Catalog,
        build: BuildSearchIndex,
        recorder: Recorder,
        calls: Rate,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._build = build
        self._recorder = recorder
        self._calls = calls
        self._built: _Built | None = None

    def stands_in_for_list(self, principal: Principal) -> bool:
        """Tell whether hosts of the principal search tools instead of listing them."""
        return self._policy.snapshot.has_meta_tools(principal)

    def is_offered(self, principal: Principal) -> bool:
        """Tell whether anything can be permitted to the principal now; counts as a list. Raises PolicyStaleError."""
        self._catalog.lists_of_tools += 1
        self._catalog.permitted(principal, ())
        return self._catalog.view(principal).policy.denial is None

    async def count(self, principal: Principal, origin: Origin, name: str) -> None:
        """Count the use of a tool of our own as a call of the key; raises RateLimitedError."""
        refused = self._calls.take(principal.key_id)
        if refused is not None:
            await refuse_for_rate(
                self._recorder,
                refused,
                CALL_ACTIONS[CallStep.DENY][CapabilityKind.TOOL],
                principal=principal,
                origin=origin,
                resource=Resource(kind=CapabilityKind.TOOL, id=None, name=name),
                does="calls",
            )

    async def find(self, principal: Principal, query: str, *, limit: int, offset: int = 0) -> FoundTools:
        """Return tools that the principal may call right now and that have a word of the query in their texts.

        The one that is named by the query comes first, then tools of our own that have every word of it, at last those
        that have one. Without a query, all come in the order of their names.
        Raises PolicyStaleError.
        """
        built, words = self._current(), query_words(query)
        own = self._catalog.own_tools(principal)
        if words:
            index = await asyncio.shield(built.index)
            found = [built.tools[position] for position in await off_loop(index.find, words)]
            before, after = self._own_found(own, words) if own else ([], [])
        else:
            found, before, after = (list(built.tools), [], own) if not query.strip() else ([], [], [])
        permitted = [*before, *await self._permitted(principal, found), *after]
        named = self.tool(principal, query.strip())
        if named is not None:
            permitted = [named, *(each for each in permitted if each.published != named.published)]
        return FoundTools(permitted[offset : offset + limit], len(permitted))

    def tool(self, principal: Principal, name: str) -> ToolEntry | None:
        """Return a tool that the principal may call right now, by any of its names. Raises PolicyStaleError."""
        entry = self._catalog.tool(name)
        found = self._catalog.permitted(principal, () if entry is None else (entry,))
        own = self._catalog.own_tools(principal) if entry is None else []
        return next(iter([*found, *(each for each in own if each.published == name)]), None)

    async def near(self, principal: Principal, name: str, *, most: int = 3) -> Sequence[str]:
        """Return the published names of tools that the principal may call and that a wrong name may stand for."""
        name = name[:_LONGEST_NAME]
        every = [
            *await self._permitted(principal, self._catalog.index().tools),
            *self._catalog.own_tools(principal),
        ]
        similar = await off_loop(similar_names, name, [entry.published for entry in every])
        if similar:
            return similar[:most]
        return [entry.published for entry in (await self.find(principal, name, limit=most)).tools]

    def _own_found(
        self, own: Sequence[ToolEntry], words: Sequence[str]
    ) -> tuple[list[ToolEntry], list[ToolEntry]]:
        """Return the tools of our own that have every word, and the others that have one."""
        index = self._indexed(own)
        found = index.find(words)
        full = set(found).intersection(*(index.find([word]) for word in words))
        return [own[each] for each in found if each in full], [
            own[each] for each in found if each not in full
        ]

    async def _permitted(self, principal: Principal, tools: Sequence[ToolEntry]) -> list[ToolEntry]:
        permitted: list[ToolEntry] = []
        for start in range(0, len(tools), _SLICE):
            if start:
                await asyncio.sleep(0)
            permitted += self._catalog.permitted(principal, tools[start : start + _SLICE])
        if not tools:
            self._catalog.permitted(principal, ())
        return permitted

    def _current(self) -> _Built:
        """Return the index of the current catalog, which is built once for all who wait."""
        catalog = self._catalog.index()
        if self._built is None or self._built.catalog is not catalog or _has_failed(self._built.index):
            tools = sorted(catalog.tools, key=lambda entry: entry.published)
            self._built = _Built(catalog, tools, asyncio.ensure_future(off_loop(self._indexed, tools)))
        return self._built

    def _indexed(self, tools: Sequence[ToolEntry]) -> SearchIndex:
        return self._build(map(_texts, tools))


def _without(entries: Sequence[ToolEntry], entry: ToolEntry) -> list[ToolEntry]:
    return [each for each in entries if each.published != entry.published]


def _has_failed(index: asyncio.Future[SearchIndex]) -> bool:
    return index.done() and (index.cancelled() or index.exception() is not None)


def _texts(entry: ToolEntry) -> SearchedTexts:
    """Return the texts of a tool; a definition that cannot be read has a name and a description only."""
    try:
        title, arguments = _title(entry.tool.definition), " ".join(argument_names(entry.tool.definition))
    except (msgspec.MsgspecError, RecursionError):
        title, arguments = "", ""
    return SearchedTexts(
        name=searched_text(entry.ref.name),
        title=searched_text(title),
        description=searched_text(entry.tool.description),
        arguments=searched_text(arguments),
    )


def title_of(entry: ToolEntry) -> str:
    """Return the title of a tool; empty if it has none."""
    try:
        return _title(entry.tool.definition)
    except (msgspec.MsgspecError, RecursionError):
        return ""


def _title(definition: bytes) -> str:
    members = _members_decoder.decode(definition)
    annotations = bytes(members.get("annotations", b""))
    given = members.get("title")
    if given is None and annotations.startswith(b"{"):
        given = _members_decoder.decode(annotations).get("title")
    title = "" if given is None else _value_decoder.decode(given)
    return title if isinstance(title, str) else ""
