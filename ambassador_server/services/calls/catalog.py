"""Finds the published tools by name, and lists those that a principal may call."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef, tool_ref
from ambassador_server.domain.catalog.mcps import Mcp, McpStatus, Tool
from ambassador_server.domain.catalog.published_names import published_names, reserved_prefixes
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.pattern_spelling import near_names
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.ports.downstream import DownstreamChange, Downstreams
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One published tool, with the values that every call of it needs."""

    ref: CapabilityRef
    mcp_name: str
    published: str
    tool: Tool
    resource: Resource = field(init=False)
    encoded_name: bytes = field(init=False)

    def __post_init__(self) -> None:
        resource = Resource(kind=self.ref.kind, id=self.ref.mcp_id, name=self.ref.name)
        object.__setattr__(self, "resource", resource)
        object.__setattr__(self, "encoded_name", json.dumps(self.tool.name).encode())


@dataclass(frozen=True, slots=True, eq=False)
class CatalogIndex:
    """Every published tool, in a fixed order and by each of its accepted names."""

    entries: tuple[CatalogEntry, ...]
    by_name: Mapping[CapabilityKind, Mapping[str, CatalogEntry]]


class Catalog:
    """An index rebuilt when the policy or a downstream's tools change, never on a call."""

    def __init__(self, *, policy: PolicyKeeper, downstreams: Downstreams, separator: str) -> None:
        self._policy = policy
        self._downstreams = downstreams
        self._separator = separator
        self._index: CatalogIndex | None = None
        self._mcps: Mapping[str, Mcp] = {}
        self._warned: Mapping[str, tuple[str, ...]] = {}
        policy.subscribe(self._policy_changed)
        downstreams.subscribe(self._downstream_changed)

    def index(self) -> CatalogIndex:
        """Return the current index."""
        if self._index is None:
            self._mcps = self._policy.snapshot.mcps
            self._index = self._build(self._mcps)
        return self._index

    def resolve(self, kind: CapabilityKind, name: str) -> CatalogEntry | None:
        """Find a capability by published name, `mcp.tool` or `mcp:tool`: always a lookup, never a split."""
        return self.index().by_name[kind].get(name)

    def near(self, name: str) -> str:
        """Return the end of an error about an unknown tool: the published ones with similar names, if there are any."""
        is_canonical = not {".", ":"}.isdisjoint(name)
        names = [entry.ref.name if is_canonical else entry.published for entry in self.index().entries]
        return near_names(name, names)

    def find(self, principal: Principal, kind: CapabilityKind, name: str) -> CatalogEntry | None:
        """Find a capability that the principal may use right now."""
        entry = self.resolve(kind, name)
        if entry is None:
            return None
        policy = PrincipalPolicy(self._policy.snapshot, principal, self._policy.current_moment())
        return entry if isinstance(policy.decide(entry.ref), Permit) else None

    def visible(self, principal: Principal) -> list[CatalogEntry]:
        """Return what the principal may call right now, in catalog order; raises PolicyStaleError."""
        policy = PrincipalPolicy(self._policy.snapshot, principal, self._policy.confirmed_moment())
        return [entry for entry in self.index().entries if isinstance(policy.decide(entry.ref), Permit)]

    def last_known(self, mcp_id: str) -> tuple[Tool, ...]:
        """Return the tools that an MCP listed last, published or not."""
        return self._downstreams.state(mcp_id).tools

    def published_names(self, mcp_id: str) -> Mapping[str, str]:
        """Return the published name of each tool that a published MCP offers, by its own name."""
        entries = self.index().entries
        return {each.tool.name: each.published for each in entries if each.ref.mcp_id == mcp_id}

    def _downstream_changed(self, change: DownstreamChange) -> None:
        if change.tools_changed:
            self._index = None

    def _policy_changed(self, snapshot: Snapshot) -> None:
        # A snapshot shares what did not change with the one before.
        if snapshot.mcps is not self._mcps:
            self._index = None

    def _build(self, mcps: Mapping[str, Mcp]) -> CatalogIndex:
        published = [mcp for mcp in mcps.values() if mcp.status is McpStatus.PUBLISHED]
        offered = [
            (mcp, tool)
            for mcp in sorted(published, key=lambda mcp: mcp.name)
            for tool in self._downstreams.state(mcp.mcp_id).tools
        ]
        # Those that are not published count as well: publishing or archiving one renames no tool of another.
        by_age = [mcp.name for mcp in sorted(mcps.values(), key=lambda mcp: (mcp.created_at, mcp.mcp_id))]
        self._warn(reserved_prefixes(by_age, self._separator))
        names = published_names(((mcp.name, tool.name) for mcp, tool in offered), by_age, self._separator)
        entries = tuple(
            CatalogEntry(
                tool_ref(mcp, tool),
                mcp.name,
                names[mcp.name, tool.name],
                tool,
            )
            for mcp, tool in offered
        )
        return CatalogIndex(entries, {kind: _by_name(entries, kind) for kind in CapabilityKind})

    def _warn(self, reserved: Mapping[str, tuple[str, ...]]) -> None:
        """Log which MCPs may not use names that belong to older ones, once for each change."""
        for mcp_name, prefixes in reserved.items():
            if self._warned.get(mcp_name) != prefixes:
                _log.warning(
                    "names of tools that begin with %s belong to older MCPs: tools of MCP %s with such names are "
                    "published with a suffix",
                    " or ".join(prefixes),
                    mcp_name,
                )
        self._warned = dict(reserved)


def _by_name(every: tuple[CatalogEntry, ...], kind: CapabilityKind) -> dict[str, CatalogEntry]:
    """Published names come last: they are unique, and no alias of another tool may take their place."""
    entries = [entry for entry in every if entry.ref.kind is kind]
    by_name: dict[str, CatalogEntry] = {}
    for entry in entries:
        by_name[f"{entry.mcp_name}:{entry.tool.name}"] = entry
    for entry in entries:
        by_name[entry.ref.name] = entry
    for entry in entries:
        by_name[entry.published] = entry
    return by_name
