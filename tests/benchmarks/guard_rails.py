"""The cost of guard rails: the same calls through a server without any, beside one that has some.

The rails never refuse here: what is measured is what every permitted call pays for them.
"""

from dataclasses import replace

from tests.benchmarks.calls import CONNECTIONS, in_turn
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.world import MCP, Effort, Endpoint, World

_SHORTER, _SHORTEST = 6, 0.3
"""The difference is a few hundredths of a call. Many short rounds see the same load of the machine on both sides."""
_NEVER_REACHED = "1000000000"


def guard_rails(world: World, effort: Effort) -> list[Figure]:
    """Measure the processor time per call with a limit, and with a limit, a pin and a constraint, beside none."""
    if effort.seconds > _SHORTEST * _SHORTER:
        effort = replace(effort, rounds=effort.rounds * _SHORTER, seconds=effort.seconds / _SHORTER)
    worlds = [world.beside(name) for name in ("without", "limited", "guarded")]
    try:
        without, limited, guarded = (_endpoint(each) for each in worlds)
        _limit(worlds[1])
        _limit(worlds[2])
        _constrain(worlds[2])
        alone = in_turn(without, limited, effort, connections=CONNECTIONS)
        together = in_turn(without, guarded, effort, connections=CONNECTIONS)
    finally:
        for each in worlds:
            each.close()
    return [
        Figure(
            name="limit_computed",
            what="processor time per call with one limit, beside none",
            unit="µs",
            digits=1,
            relay=[one.computed for one in alone.relay],
            ours=[one.computed for one in alone.ours],
            compared="difference",
            beside="without",
            budget=Budget(at_most=5.0),
        ),
        Figure(
            name="guard_rails_computed",
            what="processor time per call with one limit, one pin and one constraint, beside none",
            unit="µs",
            digits=1,
            relay=[one.computed for one in together.relay],
            ours=[one.computed for one in together.ours],
            compared="ratio",
            beside="without",
            budget=Budget(at_most=1.05),
        ),
    ]


def _endpoint(world: World) -> Endpoint:
    """Return a server whose MCP is pinned only in the world of all guard rails."""
    endpoint = world.serve(tls=False, sessions=CONNECTIONS)
    if world.rig.directory.name != "guarded":
        world.rig.admin("mcp", "update", MCP, "--pin", "off")
    return endpoint


def _limit(world: World) -> None:
    world.rig.admin("limit", "set", "many", "--mcp", MCP, "--calls-per-minute", _NEVER_REACHED)


def _constrain(world: World) -> None:
    (grant,) = world.rig.admin_json("grant", "list")
    world.rig.admin("grant", "update", grant["id"], "--when", "text=call *")
