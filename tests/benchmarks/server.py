"""Other figures of the server: registrations, long lists, and memory."""

import json
from dataclasses import replace
from time import perf_counter

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.snapshot import Snapshot
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.load import Job
from tests.benchmarks.processes import BenchError, memory, run_load
from tests.benchmarks.world import Effort, Endpoint, World
from tests.server.worlds import GRANT, GROUP, MCP, NOW, PRINCIPAL, capability, snapshot

_CONNECTIONS = 32
_SESSIONS = 100
_MCPS, _TOOLS_EACH, _GROUPS = 100, 100, 3
_TOOLS = _MCPS * _TOOLS_EACH
_MILLI = 1000.0


def register(world: World, effort: Effort) -> list[Figure]:
    """Measure how fast client processes register, each over its own connection."""
    return [_register(world, effort, tls=False)]


def register_tls(world: World, effort: Effort) -> list[Figure]:
    """Measure the same with a TLS handshake for each."""
    return [_register(world, effort, tls=True)]


def filtering(world: World, effort: Effort) -> list[Figure]:
    """Measure the policy alone: which of 10,000 tools one principal may call, decided in this process."""
    policy, tools = _large_policy()
    seconds: list[float] = []
    for _ in range(effort.rounds * 5):
        begun = perf_counter()
        asked = PrincipalPolicy(policy, PRINCIPAL, NOW)
        visible = [tool for tool in tools if isinstance(asked.decide(tool), Permit)]
        seconds.append(perf_counter() - begun)
        if not 0 < len(visible) < len(tools):
            raise BenchError(f"the policy shows {len(visible)} of {len(tools)} tools")
    return [
        Figure(
            name="filter",
            what=f"policy filter over {_TOOLS:,} tools for one principal",
            unit="ms",
            ours=[taken * _MILLI for taken in seconds],
            budget=Budget(at_most=15),
        )
    ]


def listing(world: World, effort: Effort) -> list[Figure]:
    """Measure tools/list of 10,000 tools end to end; the last scenario, because the server stays large."""
    how = {"calls": effort.rounds * 5}
    last = f"tool_{_TOOLS - 1:05}"
    world.offer("large", _TOOLS)
    with world.relay(tls=False, mcp="large") as relay:
        ours = world.serve(tls=False, sessions=1)
        world.await_tool("large__echo")
        run_load(ours.list_tools(last, calls=1))  # described once, then kept
        reports = [
            (run_load(relay.list_tools(last, **how)).p50, run_load(ours.list_tools(last, **how)).p50)
            for _ in range(effort.rounds)
        ]
    return [
        Figure(
            name="list",
            what=f"tools/list of {_TOOLS:,} tools, end to end, p50",
            unit="ms",
            relay=[relayed for relayed, _ in reports],
            ours=[answered for _, answered in reports],
            compared="difference",
        )
    ]


def resident(world: World, effort: Effort) -> list[Figure]:
    """Measure the memory of a server that 100 sessions have called tools through at the same time."""
    how = {"connections": _SESSIONS, "calls": _SESSIONS * effort.calls // 5}
    with world.relay(tls=True) as relay:
        run_load(relay.call(**how))
        bare = memory(relay.process_id, "VmRSS")
        ours = world.serve(tls=True, sessions=_SESSIONS, fresh=True)
        run_load(ours.call(**how))
        held = memory(ours.process_id, "VmRSS")
    return [
        Figure(
            name="memory",
            what=f"server memory after calls in {_SESSIONS} sessions at once",
            unit="MiB",
            relay=[bare],
            ours=[held],
            budget=Budget(at_most=120),
        )
    ]


def _register(world: World, effort: Effort, *, tls: bool) -> Figure:
    server = world.serve(tls=tls, sessions=0)
    job = _registration(world, server, effort.registrations)
    rates = [run_load(job).rate for _ in range(effort.rounds)]
    return Figure(
        name="register_tls" if tls else "register",
        what=f"register {effort.registrations:,} client processes{', TLS' if tls else ''}",
        unit="/s",
        digits=0,
        ours=rates,
        budget=None if tls else Budget(at_least=500),
    )


def _registration(world: World, server: Endpoint, calls: int) -> Job:
    return Job(
        url=server.url.removesuffix("/mcp") + "/v1/sessions/register",
        body=json.dumps(world.register_body()),
        expect='"session_token":"amb_st_',
        status=201,
        headers={"Content-Type": "application/json"},
        connections=_CONNECTIONS,
        calls=calls,
        reconnect=True,
        ca_file=server.ca_file,
    )


def _large_policy() -> tuple[Snapshot, list[CapabilityRef]]:
    """Return 100 MCPs of 100 tools: permitted as a whole or by patterns, through three groups, with some denials."""
    groups = [replace(GROUP, group_id=f"g{number}", name=f"group-{number}") for number in range(_GROUPS)]
    mcps = [replace(MCP, mcp_id=f"m{number}", name=f"mcp{number}") for number in range(_MCPS)]
    permits = [
        replace(
            GRANT,
            grant_id=f"permit-{place}",
            group_id=groups[place % _GROUPS].group_id,
            mcp_id=mcp.mcp_id,
            patterns=("*",) if place % 2 else (f"{mcp.name}.get_*", f"{mcp.name}.list_*"),
        )
        for place, mcp in enumerate(mcps)
    ]
    denials = [
        replace(permit, grant_id=f"deny-{permit.mcp_id}", effect=Effect.DENY, patterns=("*.delete_*",))
        for permit in permits[::5]
    ]
    memberships = [Membership(user_id=PRINCIPAL.user_id, group_id=group.group_id) for group in groups]
    verbs = ("get", "list", "create", "update", "delete")
    tools = [
        capability(mcp.mcp_id, f"{mcp.name}.{verbs[number % len(verbs)]}_{number:03}", ToolClass.READ_ONLY)
        for mcp in mcps
        for number in range(_TOOLS_EACH)
    ]
    policy = snapshot(groups=groups, mcps=mcps, memberships=memberships, grants=permits + denials)
    return policy, tools
