"""Child processes under asyncio and uvloop, and when the server is interrupted."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop

from ambassador_server.downstream import child_process
from ambassador_server.downstream.child_process import ChildProcess
from ambassador_server.errors import DownstreamUnavailableError
from tests.fakes.mcp_servers import ROOT
from tests.patience import PATIENCE
from tests.server.downstream.support import Bench, bench, children, entry, is_alive, result, until_childless


async def _story() -> int:
    async with bench(entry()) as box:
        with pytest.raises(DownstreamUnavailableError, match="exited with status 3"):
            await box.call("crash")
        assert len(await box.text("big", megabytes=5)) == 5 * 1024 * 1024
        assert result(await box.call("garbage"))["broken"] == "\ufffd("
        return int(await box.text("spawn"))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_child_starts_answers_and_stops_on_both_loops(run: object):
    grandchild = run(_story())  # type: ignore[operator]  # both take a coroutine
    assert not is_alive(grandchild)
    assert not children()


_WRITES_AND_EXITS = "import os; os.read(0, 1); os.write(1, b'x' * 50_000)"


async def _hold_output_of_the_dead() -> None:
    """Hold the output of a child until it is gone."""
    received = bytearray()
    child = await ChildProcess.start(
        [sys.executable, "-c", _WRITES_AND_EXITS],
        env={},
        cwd=None,
        output=received.extend,
        errors=_ignore,
        grace=1.0,
    )
    async with asyncio.timeout(PATIENCE):
        child.hold_output(True)
        await child.write(b"go on")
        await until_childless()
        for _ in range(100):
            await asyncio.sleep(0)
        assert not child.ended.done()
        child.hold_output(False)
        assert await child.ended == 0
    assert len(received) == 50_000
    await child.stop()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_output_of_a_dead_child_is_read_when_it_is_held_no_more(run: object, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_process, "_SECONDS_TO_FINISH", 0.0)
    run(_hold_output_of_the_dead())  # type: ignore[operator]  # both take a coroutine


async def _leave_a_talker() -> None:
    child = await ChildProcess.start(
        [shutil.which("sh") or "", "-c", "setsid yes & exec true"],
        env={"PATH": os.defpath},
        cwd=None,
        output=_ignore,
        errors=_ignore,
        grace=1.0,
    )
    async with asyncio.timeout(PATIENCE):
        assert await child.ended == 0
        await child.stop()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_grandchild_that_goes_on_writing_does_not_keep_a_dead_child(run: object):
    """It is in a session of its own, and ends when nobody reads its output."""
    run(_leave_a_talker())  # type: ignore[operator]  # both take a coroutine


async def _write_to_the_dead(turns: int) -> None:
    """Kill a child and write to it after so many turns of the event loop: its end is noticed at one of them."""
    child = await ChildProcess.start(
        [shutil.which("cat") or ""], env={}, cwd=None, output=_ignore, errors=_ignore, grace=1.0
    )
    _kill(*children())
    for _ in range(turns):
        await asyncio.sleep(0)
    await child.write(b"whole\n")
    child.write_soon(b"soon\n")
    async with asyncio.timeout(PATIENCE):
        assert await child.ended == -signal.SIGKILL
        await child.stop()


def _kill(pid: int) -> None:
    """Return when the child is dead, without taking its exit status from the event loop."""
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def _ignore(_: bytes) -> None:
    """Take output that no test reads."""


@pytest.mark.parametrize("turns", range(8))
def test_writing_to_a_child_that_just_died_raises_nothing(turns: int):
    uvloop.run(_write_to_the_dead(turns))


@pytest.mark.parametrize("runner", ["asyncio.run", "uvloop.run"])
def test_nothing_is_left_when_the_server_is_interrupted_without_closing(runner: str, tmp_path: Path):
    """The main coroutine ends without `close`, so the loop only cancels the tasks that still run."""
    story = f"""
import asyncio, uvloop
from ambassador_server.downstream.transports import stdio
from tests.server.downstream.support import Bench, entry
from tests.fakes.mcp_servers import stdio_options
stdio.GRACE_SECONDS = 0.1
async def main():
    box = Bench()
    await box.ready(entry(options=stdio_options("--stubborn")))
    print(await box.text("spawn"), flush=True)
{runner}(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", story], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert not is_alive(int(done.stdout))


async def test_a_start_that_is_cancelled_leaves_no_process():
    box = Bench()
    starts = [asyncio.ensure_future(box.pool.probe(entry())) for _ in range(10)]
    for start in starts:
        await asyncio.sleep(0)
        start.cancel()
    await asyncio.gather(*starts, return_exceptions=True)
    await until_childless()


async def test_the_child_leads_its_own_process_group():
    async with bench(entry()) as box:
        grandchild = int(await box.text("spawn"))
        assert os.getpgid(grandchild) != os.getpgid(0)
        assert os.getsid(grandchild) != os.getsid(0)
