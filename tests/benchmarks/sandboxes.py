"""What a sandbox adds to the start of an MCP over stdio: from its start to its first answer and its end."""

import json
import os
import resource
import subprocess
from time import perf_counter

from ambassador_server.downstream.programs.plan import MARK, Launch, ProgramLimits, SandboxOptions
from ambassador_server.downstream.programs.settings import HiddenFiles, ProgramSettings
from ambassador_server.downstream.sandboxes import UnavailableError, load
from tests.benchmarks.figures import Figure
from tests.benchmarks.hosting import INITIALIZE
from tests.benchmarks.processes import ROOT, BenchError
from tests.benchmarks.world import Effort, World
from tests.fakes.mcp_servers import command

_BARE = "none"
_MILLI = 1000.0


def sandboxes(world: World, effort: Effort) -> list[Figure]:
    """Start the same program in each sandbox of this machine in turn."""
    settings = ProgramSettings(hidden=HiddenFiles([str(world.rig.data_dir)]), server_id="bench")
    kinds = [kind for kind in ("landlock", "bubblewrap") if _is_offered(kind, settings)]
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in (_BARE, *kinds)}
    for _ in range(effort.starts):
        for kind, starts in taken.items():
            starts.append(_start(kind, settings))
    return [
        Figure(
            name=f"sandbox_{kind}_{name}",
            what=f"start of an MCP over stdio in {kind}, {words}",
            unit="ms",
            relay=[start[place] for start in taken[_BARE]],
            ours=[start[place] for start in taken[kind]],
            compared="ratio",
            beside="no sandbox",
        )
        for kind in kinds
        for place, (name, words) in enumerate(
            (
                ("computed", "processor time beside no sandbox"),
                ("start", "time until it has answered and ended"),
            )
        )
    ]


def _is_offered(kind: str, settings: ProgramSettings) -> bool:
    try:
        load(kind).offer(settings)
    except UnavailableError:
        return False
    return True


def _start(kind: str, settings: ProgramSettings) -> tuple[float, float]:
    """Return the processor time of the program and its launcher, and the time that passed, in milliseconds."""
    program, *args = command("stdio_server")
    launch = Launch(
        program=program,
        args=args,
        env={"PATH": os.environ["PATH"], "HOME": str(ROOT), MARK: "bench"},
        cwd=str(ROOT),
        sandbox=SandboxOptions(kind=kind),
        settings=settings,
    )
    wrapped = load(kind).wrap(launch)
    before, begun = _computed(), perf_counter()
    done = subprocess.run(
        wrapped.argv(ProgramLimits()),
        check=False,
        input=json.dumps(INITIALIZE).encode() + b"\n",
        capture_output=True,
        env=wrapped.env,
        cwd=ROOT,
    )
    passed, computed = perf_counter() - begun, _computed() - before
    if b'"serverInfo"' not in done.stdout:
        raise BenchError(f"{kind}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return computed * _MILLI, passed * _MILLI


def _computed() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
