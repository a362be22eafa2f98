"""The cost of the audit: our server compared with the same server without audit of calls."""

import sys

from tests.benchmarks.calls import CONNECTIONS, in_turn
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.world import Effort, World

_UNAUDITED = (sys.executable, "-m", "tests.benchmarks.unaudited")


def audit(world: World, effort: Effort) -> list[Figure]:
    """Measure calls per second at 32 connections with and without the audit."""
    bare = world.beside("unaudited", _UNAUDITED)
    try:
        rounds = in_turn(
            bare.serve(tls=False, sessions=CONNECTIONS),
            world.serve(tls=False, sessions=CONNECTIONS),
            effort,
            connections=CONNECTIONS,
        )
    finally:
        bare.close()
    return [
        Figure(
            name="audited",
            what="tools/call, 32 concurrent, beside our server without audit",
            unit="/s",
            digits=0,
            relay=[one.report.rate for one in rounds.relay],
            ours=[one.report.rate for one in rounds.ours],
            compared="ratio",
            beside="unaudited",
            budget=Budget(at_least=0.85),
        ),
        Figure(
            name="audited_computed",
            what="… processor time per call, beside our server without audit",
            unit="µs",
            digits=0,
            relay=[one.computed for one in rounds.relay],
            ours=[one.computed for one in rounds.ours],
            compared="ratio",
            beside="unaudited",
        ),
    ]
