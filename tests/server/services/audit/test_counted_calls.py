"""The counts of calls stay bounded, whatever a downstream lists and callers ask for."""

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.services.audit import counted_calls
from ambassador_server.services.audit.counted_calls import DURATION_BOUNDS, CallCounts, Durations


def tool(name: str, mcp_id: str | None = "m1", kind: CapabilityKind = CapabilityKind.TOOL) -> Resource:
    return Resource(kind=kind, id=mcp_id, name=name)


def test_only_tools_are_counted_by_name():
    counts = CallCounts()
    for kind in CapabilityKind:
        counts.answered(tool("git.read", kind=kind), 0.1, failed=False)
    assert list(counts.mcps["m1"].tools) == ["git.read"]
    assert counts.mcps["m1"].tools["git.read"].succeeded == 1
    assert sum(counts.mcps["m1"].succeeded.buckets) == 3


def test_a_downstream_that_replaces_its_list_without_end_takes_no_memory_without_end():
    counts = CallCounts()
    for number in range(counted_calls._MOST_TOOLS + 10):
        counts.answered(tool(f"git.{number}"), 0.1, failed=False)
    assert len(counts.mcps["m1"].tools) == counted_calls._MOST_TOOLS
    assert "git.9" not in counts.mcps["m1"].tools


def test_a_name_that_leads_to_no_mcp_is_counted_by_its_reason_alone():
    counts = CallCounts()
    for number in range(100):
        counts.denied(tool(f"made-up-{number}", None), "unknown_tool")
    assert not counts.mcps
    assert counts.unknown == {"unknown_tool": 100}


def test_removed_mcps_are_forgotten():
    counts = CallCounts()
    counts.failed(tool("git.read"), 0.1, "cancelled")
    counts.failed(tool("time.now", "m2"), 0.1, "cancelled")
    counts.retain({"m2"})
    assert list(counts.mcps) == ["m2"]


def test_a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed():
    durations = Durations()
    for seconds in (0.0, 0.005, 0.0051, 300.0, 301.0):
        durations.add(seconds)
    assert durations.buckets[:2] == [2, 1]
    assert durations.buckets[-2:] == [1, 1]
    assert len(durations.buckets) == len(DURATION_BOUNDS) + 1
