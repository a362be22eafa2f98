"""What a sandbox adds to the start of an MCP over stdio: from its start to its first answer and its end."""

import ctypes
import json
import os
import resource
import subprocess
import sys
from contextlib import suppress
from time import perf_counter

import msgspec

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
_PR_SET_CHILD_SUBREAPER = 36


def sandboxes(world: World, effort: Effort) -> list[Figure]:
    """Start the same program in each sandbox of this machine in turn."""
    hidden = str(world.rig.data_dir)
    kinds = [kind for kind in ("landlock", "bubblewrap") if _is_offered(kind, _settings(hidden))]
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in (_BARE, *kinds)}
    for _ in range(effort.starts):
        for kind, starts in taken.items():
            starts.append(_start(kind, hidden))
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


def _start(kind: str, hidden: str) -> tuple[float, float]:
    """Start the program once; return what `_run` measured."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.sandboxes", kind, hidden],
        check=False,
        capture_output=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise BenchError(f"{kind}: {done.stderr.decode(errors='replace').strip()}")
    return msgspec.json.decode(done.stdout, type=tuple[float, float])


def _run(kind: str, hidden: str) -> tuple[float, float]:
    """Return the processor time of all processes of the program, and the time that passed, in milliseconds."""
    program, *args = command("stdio_server")
    launch = Launch(
        program=program,
        args=args,
        env={"PATH": os.environ["PATH"], "HOME": str(ROOT), MARK: "bench"},
        cwd=str(ROOT),
        sandbox=SandboxOptions(kind=kind),
        settings=_settings(hidden),
    )
    wrapped = load(kind).wrap(launch)
    begun = perf_counter()
    done = subprocess.run(
        wrapped.argv(ProgramLimits()),
        check=False,
        input=json.dumps(INITIALIZE).encode() + b"\n",
        stdout=subprocess.PIPE,
        env=wrapped.env,
        cwd=ROOT,
    )
    passed = perf_counter() - begun
    if b'"serverInfo"' not in done.stdout:
        raise BenchError(f"exit {done.returncode}")
    # Bubblewrap ends without waiting for the process in its namespace; that one is then ours.
    with suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * _MILLI, passed * _MILLI


def _settings(hidden: str) -> ProgramSettings:
    return ProgramSettings(hidden=HiddenFiles([hidden]), server_id="bench")


def main() -> None:
    """Measure one start, in a process that becomes the parent of what its children leave."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise BenchError("this process cannot adopt its grandchildren")
    _, kind, hidden = sys.argv
    sys.stdout.buffer.write(msgspec.json.encode(_run(kind, hidden)))


if __name__ == "__main__":
    main()
