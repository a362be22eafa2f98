"""Starts the processes of a benchmark, and reads their processor time and memory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.benchmarks.load import Job, Report

ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_SPARE_SECONDS = 60.0
_KIB = 1024


class BenchError(AssertionError):
    """A part of the benchmark failed, so nothing can be measured."""


@contextmanager
def listening(module: str, *flags: str) -> Iterator[tuple[int, int]]:
    """Run a module of this package that serves and prints its port; yields its process id and the port."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        port = process.stdout.readline()
        if not port:
            raise BenchError(f"{module} did not start")
        yield process.pid, int(port)
    finally:
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


def run_load(job: Job) -> Report:
    """Run the load generator; raises BenchError if any answer was unexpected."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        check=False,
        input=msgspec.json.encode(job),
        capture_output=True,
        cwd=ROOT,
        timeout=job.warm_up + job.seconds + _SPARE_SECONDS,
    )
    if done.returncode:
        raise BenchError(f"{job.url}: {done.stderr.decode(errors='replace').strip()}")
    return msgspec.json.decode(done.stdout, type=Report)


def computed_seconds(process_id: int) -> float:
    """Return the processor time of all threads of a process so far."""
    after_name = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def memory(process_id: int, name: str) -> float:
    """Return `VmRSS` (current) or `VmHWM` (peak) of a process in MiB."""
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) / _KIB
    raise BenchError(f"the system does not tell {name}")
