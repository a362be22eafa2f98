"""Finds what is published by name, and lists what a principal may use."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import DownstreamState, Mcp
from ambassador_server.domain.catalog.offers import NO_FEATURES, DownstreamFeatures
from ambassador_server.domain.catalog.published_names import OWN_PREFIXES, reserved_prefixes
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.pattern_spelling import near_names, spell_name
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.policy.uri_spelling import near_uris
from ambassador_server.domain.shared.names import similar_names
from ambassador_server.ports.downstream import DownstreamChange, Downstreams
from ambassador_server.services.calls.catalog_index import (
    CatalogEntry,
    CatalogIndex,
    ToolEntry,
    build_index,
)
from ambassador_server.services.calls.own_tools import OwnToolKinds, View
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_log = logging.getLogger(__name__)
_Entry = TypeVar("_Entry", bound=CatalogEntry)


class Catalog:
    """An index rebuilt when the policy or a downstream's tools change, never on a call.

    `asked` is called with each principal who asks what is offered; `lists_of_tools` counts the lists of tools.
    `own` has the tools that this server serves itself; they are not in the index.
    """

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        downstreams: Downstreams,
        separator: str,
        asked: Callable[[Principal], None] = lambda _: None,
        own: OwnToolKinds | None = None,
    ) -> None:
        self._policy = policy
        self._downstreams = downstreams
        self._separator = separator
        self._asked = asked
        self._index: CatalogIndex | None = None
        self._mcps: Mapping[str, Mcp] = {}
        self._warned: Mapping[str, tuple[str, ...]] = {}
        self.lists_of_tools = 0
        self.own = own or OwnToolKinds()
        policy.subscribe(self._policy_changed)
        downstreams.subscribe(self._downstream_changed)

    def index(self) -> CatalogIndex:
        """Return the current index."""
        if self._index is None:
            self._mcps = self._policy.snapshot.mcps
            self._index = self._build(self._mcps)
        return self._index

    def resolve(self, kind: CapabilityKind, name: str) -> CatalogEntry | None:
        """Find a capability by published name, `mcp.tool`, `mcp:tool` or URI: always a lookup, never a split."""
        if kind is CapabilityKind.RESOURCE:
            return self.index().resource(name)
        return self.index().by_name[kind].get(name)

    def tool(self, name: str) -> ToolEntry | None:
        """Find a tool by any of its names."""
        entry = self.index().by_name[CapabilityKind.TOOL].get(name)
        return entry if isinstance(entry, ToolEntry) else None

    def near(self, name: str, kind: CapabilityKind = CapabilityKind.TOOL) -> str:
        """Return the end of an error about an unknown capability: the published ones with similar names, if any."""
        entries = self.index().of(kind)
        if kind is CapabilityKind.RESOURCE:
            return near_uris(name, [entry.published for entry in entries])
        is_canonical = not {".", ":"}.isdisjoint(name)
        if found := near_names(name, [each.ref.name if is_canonical else each.published for each in entries]):
            return found
        # The name may be given alone, without that of its MCP.
        alone = {each.ref.name: each.ref.name.partition(".")[2] for each in entries}
        close = similar_names(name, set(alone.values()))
        found = ", ".join(repr(spell_name(each)) for each in list(alone) if alone[each] in close[:3])
        return f"; near: {found}" if found else ""

    def find_tool(self, principal: Principal, name: str) -> ToolEntry | None:
        """Find a tool that the principal may call right now."""
        entry = self.tool(name)
        if entry is None:
            return None
        policy = PrincipalPolicy(self._policy.snapshot, principal, self._policy.current_moment())
        return entry if isinstance(policy.decide(entry.ref), Permit) else None

    def visible(self, principal: Principal) -> list[ToolEntry]:
        """Return the tools that the principal may call right now, in catalog order; raises PolicyStaleError."""
        self.lists_of_tools += 1
        return self.permitted(principal, self.index().tools)

    def permitted(self, principal: Principal, entries: Iterable[_Entry]) -> list[_Entry]:
        """Return those entries that the principal may use right now, in their order; raises PolicyStaleError."""
        policy = PrincipalPolicy(self._policy.snapshot, principal, self._policy.confirmed_moment())
        self._asked(principal)
        return [entry for entry in entries if isinstance(policy.decide(entry.ref), Permit)]

    def view(self, principal: Principal) -> View:
        """Return the policy for a principal right now, with the catalog."""
        snapshot = self._policy.snapshot
        policy = PrincipalPolicy(snapshot, principal, self._policy.current_moment())
        return View(policy, snapshot, self.index(), self.index)

    def own_tools(self, principal: Principal) -> list[ToolEntry]:
        """Return the tools of our own that the principal may use right now."""
        return self.own.listed(self.view(principal))

    def features(self, principal: Principal) -> DownstreamFeatures:
        """Return the features that any MCP has of which the principal may use something."""
        policy = PrincipalPolicy(self._policy.snapshot, principal, self._policy.current_moment())
        self._asked(principal)
        found = NO_FEATURES
        for mcp in self._policy.snapshot.mcps.values():
            if policy.delivery_of(mcp.mcp_id) is not None:
                found = found.union(self._downstreams.state(mcp.mcp_id).features)
        return found

    def published_uri(self, mcp_id: str, uri: str) -> str:
        """Return the URI by which hosts know a resource of an MCP, given the MCP's own URI."""
        mcp = self._policy.snapshot.mcps.get(mcp_id)
        return uri if mcp is None else self.index().published_uri(mcp, uri)

    def state(self, mcp_id: str) -> DownstreamState:
        """Return what an MCP listed last, published or not."""
        return self._downstreams.state(mcp_id)

    def published_names(self, mcp_id: str) -> Mapping[str, str]:
        """Return the published name of each tool that a published MCP offers, by its own name."""
        return {each.name: each.published for each in self.index().tools if each.ref.mcp_id == mcp_id}

    def _downstream_changed(self, change: DownstreamChange) -> None:
        if change.tools_changed or change.resources_changed or change.prompts_changed:
            self._index = None

    def _policy_changed(self, snapshot: Snapshot) -> None:
        # A snapshot shares what did not change with the one before.
        if snapshot.mcps is not self._mcps:
            self._index = None

    def _build(self, mcps: Mapping[str, Mcp]) -> CatalogIndex:
        by_age = [mcp.name for mcp in sorted(mcps.values(), key=lambda mcp: (mcp.created_at, mcp.mcp_id))]
        self._warn(reserved_prefixes([*OWN_PREFIXES, *by_age], self._separator))
        return build_index(mcps.values(), self._offered, self._separator)

    def _offered(self, mcp_id: str) -> DownstreamState:
        """Return what a downstream offers; nothing if what was last known of it is withdrawn."""
        state = self._downstreams.state(mcp_id)
        return replace(state, tools=(), resources=(), templates=(), prompts=()) if state.withdrawn else state

    def _warn(self, reserved: Mapping[str, tuple[str, ...]]) -> None:
        """Log which MCPs may not use names that belong to older ones, once for each change."""
        for mcp_name, prefixes in reserved.items():
            if self._warned.get(mcp_name) != prefixes:
                _log.warning(
                    "names of tools that begin with %s belong to older MCPs or to this server: tools of MCP %s with "
                    "such names are published with a suffix",
                    " or ".join(prefixes),
                    mcp_name,
                )
        self._warned = dict(reserved)
