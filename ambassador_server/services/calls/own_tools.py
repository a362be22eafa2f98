"""Tools that this server publishes and serves itself, beside those of MCPs.

Such a tool calls tools of MCPs for its caller. Each of these calls goes through the pipeline alone, as if the caller
had sent it: with its own decision, limits and records. The tool itself is looked up only where the catalog has no entry
of the name, so that it costs other calls nothing, and it permits nothing: who may use too little of what it calls gets
the answer to a name that does not exist.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import Tool, classify_tool
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import UNKNOWN, Decision, Deny, Permit
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog_index import CatalogIndex, ToolEntry

FEWEST_TARGETS: Final = 2
"""Who may use fewer tools of those that one of our own calls does not get it: the tools themselves are enough."""
UNKNOWN_TOOL: Final = Deny(UNKNOWN[CapabilityKind.TOOL])
_CALL: Final = "tools/call"

Run = Callable[[CapabilityCall], Awaitable[Answered | Deny]]
"""Sends one call through the pipeline."""


class View(Struct, frozen=True):
    """The policy for a principal at one moment, and the catalog of that moment; `latest` returns the one of now."""

    policy: PrincipalPolicy
    snapshot: Snapshot
    index: CatalogIndex
    latest: Callable[[], CatalogIndex]

    def decide(self, entries: Iterable[ToolEntry]) -> list[tuple[ToolEntry, Decision]]:
        """Return those entries that the principal may know of, each with its decision, in their order."""
        decided = ((entry, self.policy.decide(entry.ref)) for entry in entries)
        return [each for each in decided if isinstance(each[1], Permit) or each[1].disclosed]

    def usable(self, entries: Iterable[ToolEntry]) -> list[ToolEntry]:
        """Return those entries that the principal may call right now, in their order."""
        return [entry for entry in entries if isinstance(self.policy.decide(entry.ref), Permit)]


class OwnTools(Protocol):
    """The tools of one kind that we serve. Their names begin with one of `OWN_PREFIXES` and the separator."""

    def listed(self, view: View) -> Sequence[ToolEntry]:
        """Return those that the principal may use, in a fixed order; they name nothing the principal may not know."""
        ...

    def has(self, index: CatalogIndex, name: str) -> bool:
        """Tell whether there is a tool of this name, for any principal."""
        ...

    async def serve(self, call: CapabilityCall, view: View, run: Run) -> Answered | Deny:
        """Answer a call of one of them, or deny it; what it calls goes through `run`. A denial is recorded outside."""
        ...


class OwnToolKinds:
    """Every kind of our own tools."""

    def __init__(self, *kinds: OwnTools) -> None:
        self._kinds = kinds

    def listed(self, view: View) -> list[ToolEntry]:
        """Return the tools that the principal may use."""
        return [entry for kind in self._kinds for entry in kind.listed(view)]

    def find(self, call: CapabilityCall, index: CatalogIndex) -> OwnTools | None:
        """Return the kind that serves a call for which the catalog has no entry; None if none does."""
        if call.kind is not CapabilityKind.TOOL or call.method != _CALL:
            return None
        return next((kind for kind in self._kinds if kind.has(index, call.name)), None)

    def has(self, index: CatalogIndex, name: str) -> bool:
        """Tell whether there is a tool of this name, for any principal."""
        return any(kind.has(index, name) for kind in self._kinds)


def own_entry(prefix: str, published: str, definition: Mapping[str, Any]) -> ToolEntry:
    """Return an entry for a tool of our own; no MCP has its id."""
    encoded = json.dumps({"name": published, **definition}).encode()
    tool_class = classify_tool(definition.get("annotations", {}))
    tool = Tool(
        name=published,
        description=str(definition.get("description", "")),
        tool_class=tool_class,
        definition=encoded,
        digest="",
    )
    return ToolEntry(
        ref=CapabilityRef("", CapabilityKind.TOOL, published, tool_class),
        mcp_name=prefix,
        name=published,
        published=published,
        definition=encoded,
        tool=tool,
        offered=tool,
    )
