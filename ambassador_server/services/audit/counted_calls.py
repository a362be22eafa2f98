"""Counts the calls of each MCP and of each tool since the start of the server, in memory, for the metrics."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind

DURATION_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of the buckets of durations, in seconds; one more bucket has what took longer."""

_MOST_TOOLS: Final = 20_000
"""How many tools of one MCP are counted: twice what it can offer at a time, because it may replace its list."""


class Durations:
    """How many calls took how long."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(DURATION_BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one call."""
        self.buckets[bisect_left(DURATION_BOUNDS, seconds)] += 1
        self.seconds += seconds


class ToolCounts:
    """How the calls of one tool ended."""

    __slots__ = ("denied", "errors", "failed", "succeeded")

    def __init__(self) -> None:
        self.succeeded = 0
        self.errors = 0
        self.failed = 0
        self.denied = 0


@dataclass(slots=True, eq=False)
class McpCounts:
    """The calls of one MCP: how long those took that succeeded, were answered with an error, and failed.

    `denied` and `reasons` count the denied and the failed calls by reason, `tools` those of each tool by its name in
    the policy.
    """

    succeeded: Durations = field(default_factory=Durations)
    errors: Durations = field(default_factory=Durations)
    failed: Durations = field(default_factory=Durations)
    denied: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    reasons: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    tools: dict[str, ToolCounts] = field(default_factory=dict)

    def tool(self, resource: Resource) -> ToolCounts:
        """Return the counts of a tool; what is counted for other kinds of capabilities is not kept."""
        if resource.kind != CapabilityKind.TOOL or resource.name is None:
            return ToolCounts()
        counts = self.tools.get(resource.name)
        if counts is None:
            if len(self.tools) >= _MOST_TOOLS:
                del self.tools[next(iter(self.tools))]
            counts = self.tools[resource.name] = ToolCounts()
        return counts


class CallCounts:
    """What the recorder has recorded of calls; only the id of an MCP and the name of a listed tool are keys.

    `unknown` counts the denied calls of names that lead to no MCP, by reason: such a name is the caller's invention.
    """

    __slots__ = ("mcps", "unknown")

    def __init__(self) -> None:
        self.mcps: dict[str, McpCounts] = {}
        self.unknown: defaultdict[str, int] = defaultdict(int)

    def answered(self, resource: Resource, seconds: float, *, failed: bool) -> None:
        """Count a call that the downstream answered, with an error if `failed`."""
        mcp, tool = self._of(resource)
        if failed:
            mcp.errors.add(seconds)
            tool.errors += 1
        else:
            mcp.succeeded.add(seconds)
            tool.succeeded += 1

    def failed(self, resource: Resource, seconds: float, reason: str) -> None:
        """Count a call that got no answer."""
        mcp, tool = self._of(resource)
        mcp.failed.add(seconds)
        mcp.reasons[reason] += 1
        tool.failed += 1

    def denied(self, resource: Resource, reason: str) -> None:
        """Count a denied call."""
        if resource.id is None:
            self.unknown[reason] += 1
            return
        mcp, tool = self._of(resource)
        mcp.denied[reason] += 1
        tool.denied += 1

    def retain(self, mcp_ids: Container[str]) -> None:
        """Forget the MCPs that were removed."""
        for mcp_id in [each for each in self.mcps if each not in mcp_ids]:
            del self.mcps[mcp_id]

    def _of(self, resource: Resource) -> tuple[McpCounts, ToolCounts]:
        mcp = self.mcps.get(resource.id or "")
        if mcp is None:
            mcp = self.mcps[resource.id or ""] = McpCounts()
        # Most calls are of a tool that was called before.
        known = mcp.tools.get(resource.name or "") if resource.kind == CapabilityKind.TOOL else None
        return mcp, known or mcp.tool(resource)
