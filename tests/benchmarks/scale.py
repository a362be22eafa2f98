"""Measures a server with the policy of a large organisation: its start, its memory, a long list, a removed MCP."""

import http.client
import time
from collections.abc import Sequence
from contextlib import ExitStack
from time import perf_counter

from ambassador_protocol.paths import MCPS
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.large_policy import Size, mcp_name, member_name, write_policy
from tests.benchmarks.load import NUMBER
from tests.benchmarks.processes import BenchError, computed_seconds, listening, memory, run_load
from tests.benchmarks.world import HEADERS, QUICK, Effort, World, message
from tests.patience import PATIENCE

_LARGE = Size(users=10_000, groups=500, mcps=1_000, grants=50_000, memberships=50_000)
_SMALL = Size(users=50, groups=5, mcps=10, grants=40, memberships=100)
_TOOLS_EACH = (6, 7)
_MAX_ROUNDS = 5
_LISTS = 50
_MILLI = 1000.0


def scale(world: World, effort: Effort) -> list[Figure]:
    """Measure starts, the memory when the server is ready, tools/list of all tools, and the removal of MCPs."""
    size = _SMALL if effort is QUICK else _LARGE
    rounds = range(min(effort.rounds, _MAX_ROUNDS))
    tools = size.mcps * sum(_TOOLS_EACH) // len(_TOOLS_EACH)
    with ExitStack() as stack:
        ports = [
            stack.enter_context(listening("downstream", "--tools", str(count)))[1] for count in _TOOLS_EACH
        ]
        large = world.beside("scale")
        stack.callback(large.close)
        large.serve(tls=False, sessions=0)
        large.rig.stop()
        urls = [f"http://127.0.0.1:{port}/mcp" for port in ports]
        write_policy(large.rig.data_dir / "ambassador.db", size, urls)
        large.rig.start()
        _await_connected(large)
        started = [_started(large) for _ in rounds]
        _await_connected(large)
        connected = memory(large.process_id, "VmRSS")
        large.key = large.rig.admin_json("key", "issue", member_name(0), "--name", "all")["preshared_key"]
        listed = [_listed(large, tools) for _ in rounds]
        removed = [_removed(large, mcp_name(number)) for number in rounds]
    return _figures(size, tools, started, connected, listed, removed)


def _started(large: World) -> tuple[float, float, float]:
    """Start the server again; return the seconds until it is ready, its processor time and its memory in MiB."""
    large.rig.stop()
    begun = perf_counter()
    large.rig.start()
    seconds = perf_counter() - begun
    return seconds, computed_seconds(large.process_id), memory(large.process_id, "VmRSS")


def _await_connected(large: World) -> None:
    """Wait until every MCP is connected, and its tools are approved at its first start."""
    deadline = time.monotonic() + PATIENCE
    while waiting := [
        mcp["name"]
        for mcp in large.rig.admin_json("mcp", "status")
        if mcp["state"] != "ready" or mcp["waiting"]
    ]:
        if time.monotonic() > deadline:
            raise BenchError(f"{len(waiting)} MCPs are not ready, {waiting[0]} is one of them")
        time.sleep(0.2)


def _listed(large: World, tools: int) -> tuple[float, float]:
    """Return the median milliseconds of tools/list for the member who may call every tool, and their processor time."""
    endpoint = large.endpoint(sessions=1)
    _, answer = large.post(
        "/mcp",
        message("tools/list", {}).replace(NUMBER, "1"),
        {**HEADERS, "X-Session-Token": endpoint.tokens[0]},
    )
    found = answer.count(b'"inputSchema"')
    if found != tools:
        raise BenchError(f"{found} tools are listed, not {tools}")
    before = computed_seconds(endpoint.process_id)
    listed = run_load(endpoint.list_tools(f'"{mcp_name(0)}__', calls=_LISTS))
    computed = (computed_seconds(endpoint.process_id) - before) / _LISTS
    return listed.p50, computed * _MILLI


def _removed(large: World, name: str) -> float:
    """Archive an MCP, then return the seconds that its removal takes."""
    large.rig.admin("mcp", "archive", name, "--yes")
    connection = http.client.HTTPConnection("127.0.0.1", large.rig.ports["admin_port"])
    begun = perf_counter()
    connection.request(
        "DELETE", f"{MCPS}/{name}", headers={"Authorization": f"Bearer {large.rig.facts['admin_key']}"}
    )
    answer = connection.getresponse()
    seconds, said = perf_counter() - begun, answer.read()
    connection.close()
    if answer.status != 204:
        raise BenchError(f"the removal of {name} answered {answer.status}: {said!r}")
    return seconds


def _figures(
    size: Size,
    tools: int,
    started: Sequence[tuple[float, float, float]],
    connected: float,
    listed: Sequence[tuple[float, float]],
    removed: Sequence[float],
) -> list[Figure]:
    policy = f"{size.users:,} users, {size.mcps:,} MCPs, {size.grants:,} grants and memberships"
    rows: list[tuple[str, str, str, Sequence[float], float | None, int]] = [
        ("start", f"start with {policy}", "s", [wall for wall, _, _ in started], None, 2),
        ("start_computed", "… processor time of it", "s", [used for _, used, _ in started], 2.0, 2),
        ("memory", "… memory when it is ready", "MiB", [held for _, _, held in started], 150.0, 1),
        ("connected", "… memory when every MCP is connected", "MiB", [connected], None, 1),
        ("list", f"… tools/list of {tools:,} tools, p50", "ms", [wall for wall, _ in listed], None, 1),
        ("list_computed", "… processor time of it", "ms", [used for _, used in listed], 15.0, 1),
        ("removal", "… removing an MCP", "s", removed, 0.3, 3),
    ]
    return [
        Figure(
            name=f"scale_{name}",
            what=what,
            unit=unit,
            ours=ours,
            budget=None if bound is None else Budget(at_most=bound),
            digits=digits,
        )
        for name, what, unit, ours, bound, digits in rows
    ]
