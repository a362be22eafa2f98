"""The calls that one of our own tools makes are children of its span, one for each MCP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.faces import LEGACY
from tests.end_to_end.otlp_collector import Collector, collecting, fresh, spans_of
from tests.end_to_end.world import World, running
from tests.rig import Rig

MCPS = ("one", "two")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, collector: Collector) -> Iterator[World]:
    with running(directory, prepared, telemetry={"endpoint": collector.url}) as started:
        for name in MCPS:
            started.publish_fixture(name)
            started.ask("PATCH", f"mcps/{name}", {"broadcast": "all"})
        yield started


def test_each_call_of_a_broadcast_is_a_child_of_it(world: World, collector: Collector) -> None:
    trace, parent = fresh()
    params = {"name": "broadcast__echo", "arguments": {"arguments": {"text": "hello"}}}
    caller = world.caller()
    wire = LEGACY.request(caller.secret, "tools/call", {**params, "_meta": {"traceparent": parent}})
    assert LEGACY.read(200, caller.send(wire).content).succeeded
    outer = "server tools/call broadcast__echo"
    inner = [f"server tools/call {mcp}.echo" for mcp in MCPS]
    spans = spans_of(collector, trace, outer, *inner)
    assert spans[outer].parent == parent.split("-")[2]
    assert {spans[name].parent for name in inner} == {spans[outer].id}
