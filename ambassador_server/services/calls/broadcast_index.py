"""Which tools can be called together, by what names, and how such a tool is described to a host.

What a principal gets of it is computed from the tools alone that the principal may use: a name, an argument or an MCP
that is hidden does not show in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from ambassador_server.domain.catalog.common_arguments import (
    CommonArguments,
    ToolArguments,
    common_arguments,
    differing,
    read_arguments,
)
from ambassador_server.domain.catalog.mcps import Mcp, Tool, ToolClass
from ambassador_server.domain.catalog.published_names import published_names
from ambassador_server.services.calls.broadcast_definitions import tag_definition, tool_definition
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry
from ambassador_server.services.calls.own_tools import FEWEST_TARGETS, View, own_entry

PREFIX: Final = "broadcast"
BY_TAG: Final = "by_tag"
_MOST_NAMED: Final = 5
_MOST_TOOLS: Final = 200
"""How many names of tools are broadcast, and how many tags; each is a definition that every host reads."""
_MOST_READ: Final = 2048
_MOST_KEPT: Final = 1024
"""How many offers are kept of one catalog; each group of users with other grants has its own."""


class Offer(Struct, frozen=True):
    """The tools of one name that are called together, with what they have in common, None if that cannot be read."""

    tool: str
    entries: tuple[ToolEntry, ...]
    common: CommonArguments | None

    @property
    def servers(self) -> tuple[str, ...]:
        """Return the names of the MCPs."""
        return tuple(entry.mcp_name for entry in self.entries)


class BroadcastTool(Struct, frozen=True, kw_only=True):
    """One of our tools: `by_tool` has the tools that it may call, by name; `tag` is None for that of one name."""

    published: str
    tag: str | None
    by_tool: Mapping[str, Sequence[ToolEntry]]


class Participation(Struct, frozen=True):
    """The broadcast of one name in which a tool takes part, or the reason why it takes part in none."""

    name: str = ""
    reason: str = ""


class BroadcastIndex:
    """The broadcasts of one catalog; at most `most` tools are called together."""

    def __init__(self, index: CatalogIndex, separator: str, most: int) -> None:
        self.index = index
        self._most = most
        self._offers: dict[tuple[str, ...], Offer] = {}
        self._listed: dict[tuple[str, ...], ToolEntry] = {}
        self.every = _broadcasts(index, separator)
        self._by_name = {each.published: each for each in self.every}
        for each in (each for each in self.every if each.tag is not None):
            # A tag may be written as other gateways write it in names of tools.
            self._by_name.setdefault(each.published.replace("-", "_"), each)

    def find(self, name: str) -> BroadcastTool | None:
        """Return the broadcast of this name."""
        return self._by_name.get(name)

    def offer(self, tool: str, entries: Iterable[ToolEntry]) -> Offer:
        """Return those of the entries, which are tools of this name, that are called together."""
        few = tuple(entries)[: self._most]
        key = (tool, *(entry.published for entry in few))
        found = self._offers.get(key)
        if found is None:
            common = common_arguments([self.arguments(entry) for entry in few])
            chosen = () if common is None else tuple(few[position] for position in common.positions)
            if len(self._offers) >= _MOST_KEPT:
                self._offers.clear()
            found = self._offers[key] = Offer(tool, chosen, common)
        return found

    def offers(self, broadcast: BroadcastTool, view: View) -> list[Offer]:
        """Return what the principal can call with a broadcast, by the names of the tools."""
        found = (self.offer(tool, view.usable(entries)) for tool, entries in broadcast.by_tool.items())
        return [offer for offer in found if len(offer.entries) >= FEWEST_TARGETS]

    def listed(self, view: View) -> list[ToolEntry]:
        """Return the broadcasts as the principal gets them."""
        entries = []
        for broadcast in self.every:
            offers = self.offers(broadcast, view)
            if offers:
                entries.append(self._entry(broadcast, offers))
        return entries

    def arguments(self, entry: ToolEntry) -> ToolArguments | None:
        """Return what a tool takes, None if that cannot be read."""
        return _arguments(entry.tool.definition)

    def participation(self, mcp: Mcp, tool: Tool) -> Participation:
        """Return in which broadcast a tool takes part, for a user who may call every tool."""
        if not mcp.broadcasts(tool.tool_class):
            return Participation(
                reason=f"its class is {tool.tool_class}, and only tools that read are broadcast"
            )
        broadcast = next(
            (each for each in self.every if each.tag is None and tool.name in each.by_tool), None
        )
        if broadcast is None and sum(each.tag is None for each in self.every) == _MOST_TOOLS:
            return Participation(reason=f"{_MOST_TOOLS} names of tools are broadcast, and no more")
        if broadcast is None:
            return Participation(reason="no other MCP that broadcasts has a tool of this name")
        entries = broadcast.by_tool[tool.name]
        offer = self.offer(tool.name, entries)
        if mcp.name in offer.servers:
            return Participation(name=broadcast.published)
        own = next((entry for entry in entries if entry.mcp_name == mcp.name), None)
        arguments = None if own is None else self.arguments(own)
        if arguments is None:
            return Participation(reason="the schema of its arguments cannot be read, or refers elsewhere")
        if own not in entries[: self._most]:
            return Participation(reason=f"{self._most} other MCPs have a tool of this name")
        chosen = [each for entry in offer.entries if (each := self.arguments(entry)) is not None]
        names = differing(arguments, chosen)
        if not names:
            return Participation(
                reason="what its schema demands besides single arguments differs from the others"
            )
        return Participation(
            reason=f"others take these arguments otherwise: {', '.join(names[:_MOST_NAMED])}"
        )

    def _entry(self, broadcast: BroadcastTool, offers: Sequence[Offer]) -> ToolEntry:
        key = (broadcast.published, *(entry.published for offer in offers for entry in offer.entries))
        found = self._listed.get(key)
        if found is None:
            if len(self._listed) >= _MOST_KEPT:
                self._listed.clear()
            definition = _definition(broadcast, offers)
            found = self._listed[key] = own_entry(PREFIX, broadcast.published, definition)
        return found


# Most catalogs differ little from the one before, and copies of one server describe their tools alike.
_arguments = lru_cache(maxsize=_MOST_READ)(read_arguments)


def _definition(broadcast: BroadcastTool, offers: Sequence[Offer]) -> dict[str, Any]:
    entries = [entry for offer in offers for entry in offer.entries]
    hints = _annotations({entry.tool.tool_class for entry in entries})
    if broadcast.tag is None:
        offer = offers[0]
        schema = {} if offer.common is None else offer.common.schema
        definition = tool_definition(offer.tool, offer.servers, schema, offer.entries[0].tool.description)
    else:
        schemas = {offer.tool: {} if offer.common is None else offer.common.schema for offer in offers}
        servers = sorted({entry.mcp_name for entry in entries})
        definition = tag_definition(broadcast.tag, servers, schemas)
    return {**definition, "annotations": hints}


def _annotations(classes: set[ToolClass]) -> dict[str, bool]:
    """Return the annotations of the most dangerous of these classes."""
    if ToolClass.DESTRUCTIVE in classes:
        return {"readOnlyHint": False, "destructiveHint": True}
    if ToolClass.WRITE in classes:
        return {"readOnlyHint": False, "destructiveHint": False}
    return {"readOnlyHint": True}


def _broadcasts(index: CatalogIndex, separator: str) -> tuple[BroadcastTool, ...]:
    """Return the broadcasts of every tool that at least two MCPs have, and then those of every tag."""
    by_tool: defaultdict[str, list[ToolEntry]] = defaultdict(list)
    by_tag: defaultdict[str, defaultdict[str, list[ToolEntry]]] = defaultdict(lambda: defaultdict(list))
    for entry in index.tools:
        mcp = index.mcps[entry.ref.mcp_id]
        if mcp.broadcasts(entry.tool.tool_class):
            by_tool[entry.tool.name].append(entry)
            for tag in dict.fromkeys(mcp.tags):
                by_tag[tag][entry.tool.name].append(entry)
    tools = _of_several(by_tool)
    every_tag = ((tag, _of_several(each)) for tag, each in sorted(by_tag.items()))
    tags = dict(islice(((tag, found) for tag, found in every_tag if found), _MOST_TOOLS))
    tagged = separator.join((PREFIX, BY_TAG))
    names = published_names([(PREFIX, tool) for tool in tools], [tagged, PREFIX], separator)
    tag_names = published_names([(tagged, tag) for tag in tags], [tagged], separator)
    return (
        *(
            BroadcastTool(published=names[PREFIX, tool], tag=None, by_tool={tool: entries})
            for tool, entries in tools.items()
        ),
        *(
            BroadcastTool(published=tag_names[tagged, tag], tag=tag, by_tool=found)
            for tag, found in tags.items()
        ),
    )


def _of_several(by_tool: Mapping[str, Sequence[ToolEntry]]) -> dict[str, Sequence[ToolEntry]]:
    """Return the tools that at least two MCPs have, by name."""
    several = ((name, each) for name, each in sorted(by_tool.items()) if len(each) >= FEWEST_TARGETS)
    return dict(islice(several, _MOST_TOOLS))
