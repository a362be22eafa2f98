"""Measures how long `--version` and `--help` of the commands take."""

import subprocess
from time import perf_counter

from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.processes import BenchError
from tests.benchmarks.world import Effort, World
from tests.rig import BIN

COMMANDS = ("ambassador-client", "ambassador-admin", "ambassador-server")
_VERSION = Budget(at_most=120)
_MILLI = 1000.0


def starts(world: World, effort: Effort) -> list[Figure]:
    """Measure `--version` and `--help` of each command, from the start of the process to its end."""
    return [
        Figure(
            name=f"{command}_{flag.strip('-')}".replace("-", "_"),
            what=f"{command} {flag}",
            unit="ms",
            ours=[_seconds(world, command, flag) * _MILLI for _ in range(effort.starts)],
            budget=_VERSION if flag == "--version" else None,
        )
        for flag in ("--version", "--help")
        for command in COMMANDS
    ]


def _seconds(world: World, command: str, flag: str) -> float:
    begun = perf_counter()
    done = subprocess.run(
        [str(BIN / command), flag],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=world.rig.environment(),
    )
    taken = perf_counter() - begun
    if done.returncode or not done.stdout:
        raise BenchError(f"{command} {flag}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return taken
