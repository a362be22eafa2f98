"""Throughput and latency of tools/call: the relay and our server, alternately in each round."""

from dataclasses import dataclass

from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.load import Job, Report
from tests.benchmarks.processes import computed_seconds, run_load
from tests.benchmarks.world import Effort, Endpoint, World

CONNECTIONS = 32
_MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the load generator, and the processor time per call of the tested process, in microseconds."""

    report: Report
    computed: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """The runs of both sides."""

    relay: list[Round]
    ours: list[Round]


def throughput(world: World, effort: Effort) -> list[Figure]:
    """Measure calls per second at 32 connections without TLS; this row has the budget."""
    return _throughput(world, effort, tls=False)


def throughput_tls(world: World, effort: Effort) -> list[Figure]:
    """Measure the same over TLS."""
    return _throughput(world, effort, tls=True)


def latency(world: World, effort: Effort) -> list[Figure]:
    """Measure how much longer sequential calls take than through the relay."""
    rounds = _beside_relay(world, effort, tls=False, connections=1)
    return [
        Figure(
            name=f"latency_{name}",
            what=f"latency of one tools/call after another, {name}",
            unit="ms",
            digits=3,
            relay=[getattr(one.report, name) for one in rounds.relay],
            ours=[getattr(one.report, name) for one in rounds.ours],
            compared="difference",
            budget=Budget(at_most=bound),
        )
        for name, bound in (("p50", 0.3), ("p99", 2.0))
    ]


def _throughput(world: World, effort: Effort, *, tls: bool) -> list[Figure]:
    rounds = _beside_relay(world, effort, tls=tls, connections=CONNECTIONS)
    suffix, over = ("_tls", ", TLS") if tls else ("", "")
    return [
        Figure(
            name=f"throughput{suffix}",
            what=f"tools/call, {CONNECTIONS} concurrent{over}",
            unit="/s",
            digits=0,
            relay=[one.report.rate for one in rounds.relay],
            ours=[one.report.rate for one in rounds.ours],
            compared="ratio",
            budget=None if tls else Budget(at_least=0.70),
        ),
        Figure(
            name=f"computed{suffix}",
            what=f"… processor time per call{over}",
            unit="µs",
            digits=0,
            relay=[one.computed for one in rounds.relay],
            ours=[one.computed for one in rounds.ours],
            compared="ratio",
        ),
        Figure(
            name=f"concurrent_p99{suffix}",
            what=f"… latency p99{over}",
            unit="ms",
            relay=[one.report.p99 for one in rounds.relay],
            ours=[one.report.p99 for one in rounds.ours],
            compared="difference",
        ),
    ]


def _beside_relay(world: World, effort: Effort, *, tls: bool, connections: int) -> Rounds:
    with world.relay(tls=tls) as relay:
        return in_turn(relay, world.serve(tls=tls, sessions=connections), effort, connections=connections)


def in_turn(relay: Endpoint, ours: Endpoint, effort: Effort, *, connections: int) -> Rounds:
    """Run both sides in every round in alternating order, so that other load affects both."""
    how = {"connections": connections, "seconds": effort.seconds, "warm_up": effort.warm_up}
    rounds = Rounds([], [])
    sides = [(relay, relay.call(**how), rounds.relay), (ours, ours.call(**how), rounds.ours)]
    for _ in range(effort.rounds):
        for endpoint, job, results in sides:
            results.append(_run(endpoint, job))
        sides.reverse()
    return rounds


def _run(endpoint: Endpoint, job: Job) -> Round:
    before = computed_seconds(endpoint.process_id)
    report = run_load(job)
    computed = computed_seconds(endpoint.process_id) - before
    return Round(report, computed / report.answered * _MICRO)
