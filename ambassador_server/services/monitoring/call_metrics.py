"""The metrics of calls: the four of mcp-gateway by their names, and our own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.services.audit.counted_calls import DURATION_BOUNDS, CallCounts, Durations, McpCounts
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.monitoring.families import Distribution, Family, FamilyKind, Sample

_TOOL_LABELS = ("tool", "proxy")
_masked = lru_cache(maxsize=4096)(mask_text)
"""A downstream chooses the names of its tools, and may put a secret into one."""


@dataclass(frozen=True, slots=True)
class ToolRow:
    """The counts of one tool at the time of a scrape."""

    mcp: str
    tool: str
    succeeded: int
    errors: int
    failed: int
    denied: int


@dataclass(frozen=True, slots=True)
class McpRow:
    """The counts of one MCP at the time of a scrape: the durations by outcome, denied and failed calls by reason."""

    mcp: str
    durations: Mapping[str, Distribution]
    denied: Mapping[str, int]
    reasons: Mapping[str, int]


def call_families(
    counts: CallCounts, catalog: Catalog, mcps: Mapping[str, Mcp], refusals: Mapping[str, int]
) -> Iterator[Family]:
    """Return the families of calls; `mcps` are those with series, `refusals` those of keys by their limit."""
    tools = _tool_rows(counts, catalog, mcps)
    rows = [_mcp_row(mcps[each].name, found) for each, found in counts.mcps.items() if each in mcps]
    yield from _of_mcp_gateway(tools, catalog.lists_of_tools)
    yield Family(
        name="mcp_ambassador_tool_calls",
        kind=FamilyKind.COUNTER,
        help="Calls of a tool that ended, by outcome.",
        labels=("mcp", "tool", "outcome"),
        samples=_by_outcome(tools),
    )
    yield from _of_mcps(rows, dict(counts.unknown))
    yield Family(
        name="mcp_ambassador_key_refusals",
        kind=FamilyKind.COUNTER,
        help="Requests that were refused because their client key was too fast, by the setting in `limits`.",
        labels=("limit",),
        samples=[((limit,), count) for limit, count in refusals.items()],
    )


def _of_mcp_gateway(tools: Sequence[ToolRow], lists: int) -> Iterator[Family]:
    yield Family(
        name="mcp_gateway_tools_called",
        kind=FamilyKind.COUNT,
        help="Permitted calls of a tool that ended: the sum of the two below.",
        labels=_TOOL_LABELS,
        samples=(((each.tool, each.mcp), each.succeeded + each.errors + each.failed) for each in tools),
    )
    yield Family(
        name="mcp_gateway_tools_call_success",
        kind=FamilyKind.COUNT,
        help="Calls of a tool that were answered without an error.",
        labels=_TOOL_LABELS,
        samples=(((each.tool, each.mcp), each.succeeded) for each in tools),
    )
    yield Family(
        name="mcp_gateway_tools_call_errors",
        kind=FamilyKind.COUNT,
        help="Permitted calls of a tool that were answered with an error or got no answer.",
        labels=_TOOL_LABELS,
        samples=(((each.tool, each.mcp), each.errors + each.failed) for each in tools),
    )
    yield Family(
        name="mcp_gateway_list_tools",
        kind=FamilyKind.COUNT,
        help="Lists of tools that clients asked for; `proxy` is empty, because a list is of all MCPs.",
        labels=("proxy",),
        samples=[(("",), lists)],
    )


def _of_mcps(rows: Sequence[McpRow], unknown: Mapping[str, int]) -> Iterator[Family]:
    yield Family(
        name="mcp_ambassador_call_duration_seconds",
        kind=FamilyKind.HISTOGRAM,
        help="How long the downstream took for a permitted call, by MCP and outcome.",
        labels=("mcp", "outcome"),
        samples=[
            ((each.mcp, outcome), durations)
            for each in rows
            for outcome, durations in each.durations.items()
            if any(durations.counts)
        ],
    )
    yield Family(
        name="mcp_ambassador_calls_denied",
        kind=FamilyKind.COUNTER,
        help="Denied calls by reason; `mcp` is empty for a name that leads to no MCP.",
        labels=("mcp", "reason"),
        samples=[
            *((("", reason), count) for reason, count in unknown.items()),
            *(((each.mcp, reason), count) for each in rows for reason, count in each.denied.items()),
        ],
    )
    yield Family(
        name="mcp_ambassador_calls_failed",
        kind=FamilyKind.COUNTER,
        help="Permitted calls that got no answer, by the reason in the audit.",
        labels=("mcp", "reason"),
        samples=[((each.mcp, reason), count) for each in rows for reason, count in each.reasons.items()],
    )


def _by_outcome(tools: Sequence[ToolRow]) -> Iterator[Sample]:
    for each in tools:
        for outcome, count in (
            ("succeeded", each.succeeded),
            ("error", each.errors),
            ("failed", each.failed),
            ("denied", each.denied),
        ):
            if count:
                yield (each.mcp, each.tool, outcome), count


def _tool_rows(counts: CallCounts, catalog: Catalog, mcps: Mapping[str, Mcp]) -> list[ToolRow]:
    """Return the tools of the catalog that were called; those that masking makes alike are one."""
    found: dict[tuple[str, str], ToolRow] = {}
    for entry in catalog.index().tools:
        mcp = counts.mcps.get(entry.ref.mcp_id) if entry.ref.mcp_id in mcps else None
        counted = None if mcp is None else mcp.tools.get(entry.ref.name)
        if counted is None:
            continue
        key = (entry.mcp_name, _masked(entry.name))
        before = found.get(key) or ToolRow(*key, 0, 0, 0, 0)
        found[key] = ToolRow(
            *key,
            before.succeeded + counted.succeeded,
            before.errors + counted.errors,
            before.failed + counted.failed,
            before.denied + counted.denied,
        )
    return list(found.values())


def _mcp_row(name: str, counts: McpCounts) -> McpRow:
    return McpRow(
        mcp=name,
        durations={
            "succeeded": _distribution(counts.succeeded),
            "error": _distribution(counts.errors),
            "failed": _distribution(counts.failed),
        },
        denied=dict(counts.denied),
        reasons=dict(counts.reasons),
    )


def _distribution(durations: Durations) -> Distribution:
    return Distribution(DURATION_BOUNDS, tuple(durations.buckets), durations.seconds)
