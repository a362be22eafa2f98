"""Processes with the mark of a server are ended, and no others."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ambassador_server.downstream.programs.leftovers import end_leftovers
from ambassador_server.downstream.programs.plan import MARK
from tests.patience import PATIENCE

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
MEEK = "import signal; print(flush=True); signal.pause()"


class Starter:
    """Starts processes and ends them at last."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, mark: str | None, code: str = MEEK) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **({} if mark is None else {MARK: mark})}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
        self.processes.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process


@pytest.fixture
def start() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    for process in starter.processes:
        process.kill()
        process.communicate()


async def test_processes_of_this_server_are_ended_and_others_are_not(start: Starter):
    own, other, unmarked = start(f"own-{os.getpid()}"), start("another"), start(None)
    assert await end_leftovers(f"own-{os.getpid()}") == 1
    assert own.wait(PATIENCE) == -15
    assert other.poll() is None
    assert unmarked.poll() is None


async def test_a_process_that_ignores_the_request_is_killed(start: Starter):
    stubborn = start(f"own-{os.getpid()}", STUBBORN)
    assert await end_leftovers(f"own-{os.getpid()}", grace=0.05) == 1
    assert stubborn.wait(PATIENCE) == -9


async def test_nothing_to_end_is_nothing():
    assert await end_leftovers(f"own-{os.getpid()}") == 0
