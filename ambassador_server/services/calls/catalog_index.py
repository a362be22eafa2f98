"""The index of the catalog: what published MCPs offer, in a fixed order and by each of its accepted names."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import (
    CapabilityKind,
    CapabilityRef,
    prompt_ref,
    resource_ref,
    tool_ref,
)
from ambassador_server.domain.catalog.mcps import DownstreamState, Mcp, McpStatus, Tool
from ambassador_server.domain.catalog.published_names import OWN_PREFIXES, published_names
from ambassador_server.domain.catalog.template_lookup import TemplateLookup
from ambassador_server.domain.catalog.uris import (
    LONGEST_MATCHED,
    is_qualified,
    is_unambiguous,
    is_web_address,
    qualified_uri,
    split_qualified,
)
from ambassador_server.services.calls.call_edits import CallEdits
from ambassador_server.services.calls.published_tools import published_tools


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """Something that a published MCP offers, with the values that every request for it needs.

    `name` is the MCP's own name, URI or template of URIs, and `published` that by which hosts know it. `definition` is
    the JSON object that hosts get; it is empty for a resource that is not listed. `edits` changes the calls of a tool.
    """

    ref: CapabilityRef
    mcp_name: str
    name: str
    published: str
    definition: bytes
    edits: CallEdits | None = None
    resource: Resource = field(init=False)
    encoded_name: bytes = field(init=False)

    def __post_init__(self) -> None:
        resource = Resource(kind=self.ref.kind, id=self.ref.mcp_id, name=self.ref.name)
        object.__setattr__(self, "resource", resource)
        object.__setattr__(self, "encoded_name", json.dumps(self.name).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEntry(CatalogEntry):
    """One published tool as hosts get it, and as its downstream offers it."""

    tool: Tool
    offered: Tool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CatalogIndex:
    """Every published tool, prompt, resource and template of resources; the MCPs are in the order of their names.

    `by_name` finds an entry by each of its names, except templates, which are in `templates_by_name`. `oldest_first`
    has the published MCPs that have resources, `owner_ids` their ids, and `lookup` their templates by their positions.
    `mcps` has the published MCPs by their ids.
    """

    tools: tuple[ToolEntry, ...]
    prompts: tuple[CatalogEntry, ...]
    resources: tuple[CatalogEntry, ...]
    templates: tuple[CatalogEntry, ...]
    by_name: Mapping[CapabilityKind, Mapping[str, CatalogEntry]]
    templates_by_name: Mapping[str, CatalogEntry]
    oldest_first: tuple[Mcp, ...]
    owner_ids: frozenset[str]
    lookup: TemplateLookup
    mcps: Mapping[str, Mcp]

    def of(self, kind: CapabilityKind) -> tuple[CatalogEntry, ...]:
        """Return every entry of one kind; templates are among the resources."""
        match kind:
            case CapabilityKind.TOOL:
                return self.tools
            case CapabilityKind.PROMPT:
                return self.prompts
            case CapabilityKind.RESOURCE:
                return (*self.resources, *self.templates)

    def every(self) -> Iterator[CatalogEntry]:
        """Return every entry."""
        return chain.from_iterable(map(self.of, CapabilityKind))

    def resource(self, uri: str) -> CatalogEntry | None:
        """Return the resource, or the template, that a published URI leads to, listed or not.

        A listed one comes before one that a template matches, and then the oldest MCP before the others. A URI that
        nothing matches belongs to the only MCP that has resources. A URI that is too long leads to nothing, because the
        audit records all of it; nor does one that is not listed and could be read as another URI, because the patterns
        of grants would not hold.
        """
        listed = self.by_name[CapabilityKind.RESOURCE].get(uri) or self.templates_by_name.get(uri)
        if listed is not None:
            return listed
        qualified = split_qualified(uri)
        if qualified is not None:
            mcp_name, uri = qualified
            owner = next((mcp for mcp in self.oldest_first if mcp.name == mcp_name), None)
        else:
            owner = self._owner(uri)
        if owner is None or len(uri) > LONGEST_MATCHED:
            return None
        published = self.published_uri(owner, uri)
        listed = self.by_name[CapabilityKind.RESOURCE].get(published)
        if listed is not None:
            return listed
        return _resource(owner, uri, published, b"") if is_unambiguous(uri) else None

    def published_uri(self, mcp: Mcp, uri: str) -> str:
        """Return the URI by which hosts know a resource of this MCP.

        A link that hosts open themselves stays as it is, unless it would lead to another MCP.
        """
        found = None if is_qualified(uri) else self._leads_to(uri)
        has_resources = mcp.mcp_id in self.owner_ids
        if found == mcp.mcp_id or not has_resources or (found is None and is_web_address(uri)):
            return uri
        return qualified_uri(mcp.name, uri)

    def _leads_to(self, uri: str) -> str | None:
        listed = self.by_name[CapabilityKind.RESOURCE].get(uri) or self.templates_by_name.get(uri)
        if listed is not None:
            return listed.ref.mcp_id
        owner = self._owner(uri)
        return None if owner is None else owner.mcp_id

    def _owner(self, uri: str) -> Mcp | None:
        position = self.lookup.first_owner(uri)
        if position is not None:
            return self.oldest_first[position]
        return self.oldest_first[0] if len(self.oldest_first) == 1 else None


def build_index(mcps: Iterable[Mcp], state: Callable[[str], DownstreamState], separator: str) -> CatalogIndex:
    """Return the index of the published MCPs among all MCPs.

    Those that are not published count for the names as well: publishing or archiving one renames nothing of another.
    """
    by_age = sorted(mcps, key=lambda mcp: (mcp.created_at, mcp.mcp_id))
    published = [mcp for mcp in by_age if mcp.status is McpStatus.PUBLISHED]
    offered = [(mcp, state(mcp.mcp_id)) for mcp in sorted(published, key=lambda mcp: mcp.name)]
    names = _Names(
        [*OWN_PREFIXES, *(mcp.name for mcp in by_age)],
        {mcp.name for mcp in by_age if not mcp.prefixed},
        separator,
    )
    tools = _tools(offered, names)
    prompts = _prompts(offered, names)
    with_resources = [(mcp, state(mcp.mcp_id)) for mcp in published if state(mcp.mcp_id).features.resources]
    resources = _published(with_resources, lambda offers: ((e.uri, e.definition) for e in offers.resources))
    templates = _published(
        with_resources, lambda offers: ((e.uri_template, e.definition) for e in offers.templates)
    )
    return CatalogIndex(
        tools=tools,
        prompts=prompts,
        resources=tuple(sorted(resources.values(), key=_by_mcp)),
        templates=tuple(sorted(templates.values(), key=_by_mcp)),
        by_name={
            CapabilityKind.TOOL: _by_name(tools),
            CapabilityKind.PROMPT: _by_name(prompts),
            CapabilityKind.RESOURCE: resources,
        },
        templates_by_name=templates,
        oldest_first=tuple(mcp for mcp, _ in with_resources),
        owner_ids=frozenset(mcp.mcp_id for mcp, _ in with_resources),
        lookup=TemplateLookup(
            (position, each.uri_template)
            for position, (_, offers) in enumerate(with_resources)
            for each in offers.templates
        ),
        mcps={mcp.mcp_id: mcp for mcp in published},
    )


@dataclass(frozen=True, slots=True)
class _Names:
    mcp_names: Sequence[str]
    without_prefix: set[str]
    separator: str

    def of(self, offered: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return published_names(offered, self.mcp_names, self.separator, self.without_prefix)


_Offered = Sequence[tuple[Mcp, DownstreamState]]


def _tools(offered: _Offered, names: _Names) -> tuple[ToolEntry, ...]:
    found = [(mcp, each) for mcp, offers in offered for each in published_tools(mcp, offers.tools)]
    published = names.of((mcp.name, each.tool.name) for mcp, each in found)
    return tuple(
        ToolEntry(
            ref=tool_ref(mcp, each.tool),
            mcp_name=mcp.name,
            name=each.offered.name,
            published=published[mcp.name, each.tool.name],
            definition=each.tool.definition,
            edits=each.edits,
            tool=each.tool,
            offered=each.offered,
        )
        for mcp, each in found
    )


def _prompts(offered: _Offered, names: _Names) -> tuple[CatalogEntry, ...]:
    published = names.of((mcp.name, prompt.name) for mcp, offers in offered for prompt in offers.prompts)
    return tuple(
        CatalogEntry(
            ref=prompt_ref(mcp, prompt.name),
            mcp_name=mcp.name,
            name=prompt.name,
            published=published[mcp.name, prompt.name],
            definition=prompt.definition,
        )
        for mcp, offers in offered
        for prompt in offers.prompts
    )


def _published(
    oldest_first: _Offered, own: Callable[[DownstreamState], Iterable[tuple[str, bytes]]]
) -> dict[str, CatalogEntry]:
    """Return an entry for each URI, or template, and its definition, by the published one."""
    found: dict[str, CatalogEntry] = {}
    for mcp, offers in oldest_first:
        for uri, definition in own(offers):
            published = _first_or_qualified(mcp, uri, found)
            found[published] = _resource(mcp, uri, published, definition)
    return found


def _first_or_qualified(mcp: Mcp, own: str, taken: Mapping[str, CatalogEntry]) -> str:
    """Return an MCP's own URI, unless an older MCP has it or it could be taken for one of another MCP."""
    return qualified_uri(mcp.name, own) if own in taken or is_qualified(own) else own


def _resource(mcp: Mcp, own: str, published: str, definition: bytes) -> CatalogEntry:
    return CatalogEntry(
        ref=resource_ref(mcp, own), mcp_name=mcp.name, name=own, published=published, definition=definition
    )


def _by_mcp(entry: CatalogEntry) -> str:
    return entry.mcp_name


def _by_name(entries: Iterable[CatalogEntry]) -> dict[str, CatalogEntry]:
    """Published names come last: they are unique, and no alias of another entry may take their place."""
    every = tuple(entries)
    by_name = {entry.ref.name.replace(".", ":", 1): entry for entry in every}
    by_name |= {entry.ref.name: entry for entry in every}
    return by_name | {entry.published: entry for entry in every}
