"""Compares our client with other bridges: one driver, one server, the same messages."""

import http.client
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from time import perf_counter
from urllib.parse import urlsplit

from ambassador_protocol.paths import MCP
from tests.benchmarks import bridges
from tests.benchmarks.comparison_server import COUNTS
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.hosting import Bridge, Host, hosting
from tests.benchmarks.load import percentile
from tests.benchmarks.posting import in_turn, posting
from tests.benchmarks.processes import computed_seconds, listening, memory
from tests.benchmarks.world import Effort, World, call_body

_CALL = call_body("echo")
_LARGE = call_body("echo", padding=500_000)
_AT_ONCE = 32
_WARM_STARTS = 2
_MILLI, _MICRO = 1e3, 1e6
_ROWS: tuple[tuple[str, str, str, int, Budget | None], ...] = (
    ("start", "start → reply to `initialize`", "ms", 1, Budget(at_most=80)),
    ("first_call", "start → answer to the first tools/call", "ms", 1, None),
    ("direct_p50", "the same POST beside it, p50", "ms", 3, None),
    ("added_p50", "added to a tools/call, p50", "ms", 3, Budget(at_most=0.6)),
    ("added_p99", "added to a tools/call, p99", "ms", 3, None),
    ("large", "added to a tools/call with 500 kB of result, p50", "ms", 2, None),
    ("rate", f"tools/call, {_AT_ONCE} concurrent", "/s", 0, Budget(at_least=3000)),
    ("computed", "… processor time per call", "µs", 0, None),
    ("requests", "HTTP requests to the server per tools/call", "", 2, Budget(at_most=1)),
    ("peak", "memory, peak", "MiB", 1, Budget(at_most=25)),
    ("peak_large", "… with results of 500 kB", "MiB", 1, None),
    ("resting", "memory after all calls", "MiB", 1, None),
)

Taken = defaultdict[str, list[float]]
"""What was measured of one bridge, by the name of the row; one value for each round."""


def peers(world: World, effort: Effort) -> list[Figure]:
    """Measure our client and the other bridges alternately."""
    environment = world.rig.environment()
    with listening("comparison_server") as (_, port):
        url = f"http://127.0.0.1:{port}"
        running = [bridges.ours(url, environment), *bridges.others(url, environment)]
        return compare(running, url, effort)


def compare(running: list[Bridge], url: str, effort: Effort) -> list[Figure]:
    """Measure bridges to the server at this address; ours is the first of them."""
    taken: list[Taken] = [defaultdict(list) for _ in running]
    for bridge in running * _WARM_STARTS:
        _start(bridge)
    for number in range(effort.starts):
        for place in _order(len(running), number):
            for row, milliseconds in _start(running[place]).items():
                taken[place][row].append(milliseconds)
    for number in range(effort.rounds):
        for place in _order(len(running), number):
            with hosting(running[place]) as host:
                host.initialize()
                for row, value in _measure(host, url, effort).items():
                    taken[place][row].append(value)
    return _figures([bridge.name for bridge in running], taken)


def _order(count: int, number: int) -> list[int]:
    """Return the order of the bridges in this round; each is first, second and last equally often."""
    return [(place + number) % count for place in range(count)]


def _start(bridge: Bridge) -> dict[str, float]:
    with hosting(bridge) as host:
        replied = host.initialize()
        host.flood(_CALL, calls=1, at_once=1)
        return {"start": replied * _MILLI, "first_call": (perf_counter() - host.begun) * _MILLI}


def _measure(host: Host, url: str, effort: Effort) -> dict[str, float]:
    with posting(url + MCP, _CALL) as direct, posting(url + MCP, _LARGE) as direct_large:
        small = (direct, host.calling(_CALL))
        large = (direct_large, host.calling(_LARGE))
        in_turn(*small, effort.calls // 5)  # both sides warm
        seconds, through = (sorted(side) for side in in_turn(*small, effort.calls))
        flood = _flood(host, url, effort.calls * 5)
        peak = memory(host.process_id, "VmHWM")
        large_seconds, large_through = in_turn(*large, effort.calls // 10)
    return {
        "direct_p50": percentile(seconds, 0.5) * _MILLI,
        "added_p50": (percentile(through, 0.5) - percentile(seconds, 0.5)) * _MILLI,
        "added_p99": (percentile(through, 0.99) - percentile(seconds, 0.99)) * _MILLI,
        **flood,
        "peak": peak,
        "large": (statistics.median(large_through) - statistics.median(large_seconds)) * _MILLI,
        "peak_large": memory(host.process_id, "VmHWM"),
        "resting": memory(host.process_id, "VmRSS"),
    }


def _flood(host: Host, url: str, calls: int) -> dict[str, float]:
    host.flood(_CALL, calls // 5, _AT_ONCE)  # as many connections as it takes are open
    requested, computed = _requests(url), computed_seconds(host.process_id)
    seconds = host.flood(_CALL, calls, _AT_ONCE)
    return {
        "rate": calls / seconds,
        "computed": (computed_seconds(host.process_id) - computed) / calls * _MICRO,
        "requests": (_requests(url) - requested) / calls,
    }


def _requests(url: str) -> int:
    """Return how many requests to the MCP endpoint the server has received, of every method."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", COUNTS)
        counts: dict[str, int] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return sum(count for line, count in counts.items() if line.endswith(f" {MCP}"))


def _figures(names: Sequence[str], taken: Sequence[Taken]) -> list[Figure]:
    figures = [
        Figure(
            name=f"peers_{row}",
            what=what,
            unit=unit,
            digits=digits,
            ours=taken[0][row],
            peers={name: values[row] for name, values in zip(names[1:], taken[1:], strict=True)},
            budget=budget,
        )
        for row, what, unit, digits, budget in _ROWS
    ]
    if len(names) > 1:
        figures.insert(1, _beside_the_faster(names, taken))
    return figures


def _beside_the_faster(names: Sequence[str], taken: Sequence[Taken]) -> Figure:
    starts = {name: values["start"] for name, values in zip(names, taken, strict=True)}
    own = starts.pop(names[0])
    faster = min(starts, key=lambda name: statistics.median(starts[name]))
    return Figure(
        name="peers_start_ratio",
        what=f"… beside {faster}, the faster one",
        unit="x",
        digits=2,
        ours=[mine / other for mine, other in zip(own, starts[faster], strict=True)],
        peers={},
        budget=Budget(at_most=0.35),
    )
