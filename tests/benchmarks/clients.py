"""The cost of `ambassador-client` to a host application: its start, its memory, and its latency per call."""

import statistics
import subprocess
import sys
from time import perf_counter

from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.hosting import Bridge, hosting
from tests.benchmarks.posting import Call, in_turn, posting
from tests.benchmarks.processes import memory
from tests.benchmarks.world import TOOL, Effort, World, call_body
from tests.rig import BIN

_MILLI = 1000.0


def client(world: World, effort: Effort) -> list[Figure]:
    """Measure start, memory and added latency against a server with TLS."""
    server = world.serve(tls=True, sessions=1)
    body = call_body(TOOL)
    environment = {**world.rig.environment(), **world.rig.client_environment(world.key)}
    bridge = Bridge("ambassador-client", (str(BIN / "ambassador-client"),), environment)
    starts = [_start_seconds(bridge) * _MILLI for _ in range(effort.starts)]
    bare = [_bare_start_seconds() * _MILLI for _ in range(effort.starts)]
    with (
        hosting(bridge) as host,
        posting(server.url, body, token=server.tokens[0], ca_file=server.ca_file) as direct,
    ):
        host.initialize()
        through = host.calling(body)
        in_turn(direct, through, effort.calls // 5)  # both sides warm
        pairs = [_medians(direct, through, effort.calls) for _ in range(effort.rounds)]
        peak = memory(host.process_id, "VmHWM")
    return [
        Figure(
            name="client_start",
            what="client start → first reply",
            unit="ms",
            ours=starts,
            budget=Budget(at_most=80),
        ),
        Figure(name="python_start", what="… of which a bare `python -c pass`", unit="ms", ours=bare),
        Figure(
            name="client_memory",
            what="client memory, peak",
            unit="MiB",
            ours=[peak],
            budget=Budget(at_most=25),
        ),
        Figure(
            name="client_latency",
            what="tools/call through the client, beside the same POST, p50, TLS",
            unit="ms",
            digits=3,
            relay=[direct for direct, _ in pairs],
            ours=[through for _, through in pairs],
            compared="difference",
            budget=Budget(at_most=0.6),
        ),
    ]


def _medians(direct: Call, through: Call, calls: int) -> tuple[float, float]:
    first, second = in_turn(direct, through, calls)
    return statistics.median(first) * _MILLI, statistics.median(second) * _MILLI


def _start_seconds(bridge: Bridge) -> float:
    with hosting(bridge) as host:
        return host.initialize()


def _bare_start_seconds() -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return perf_counter() - begun
