"""Whatever fails, and whenever: the log keeps one whole chain, answers every caller, and loses no accepted record."""

import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.errors import AuditUnavailableError
from tests.effort import examples
from tests.fakes.clock import ManualClock
from tests.patience import PATIENCE
from tests.server.audit_log.samples import SIGNER, WRITER, numbered, read_all, requests, segments, verify

STEPS = st.sampled_from(
    ["append", "append", "turn", "busy", "disk full", "space again", "probe", "retry", "restart"]
) | st.integers(0, 300).map(lambda free: f"disk full {free}")
RETRY = 0.001
PROBED_BEFORE_THE_RETRY = [
    *("disk full", "append", "turn", "turn", "space again", "probe"),
    *("busy", "append", "append", "turn", "append", "turn"),
]
"""The log was whole again before its own attempt was due, which then came between an append and its write."""


class Bench:
    """One log on a disk that can be full, and its callers."""

    def __init__(self, directory: Path, fsync: Fsync) -> None:
        self.log: JsonlAuditLog
        self.calls: list[asyncio.Task[str | None]] = []
        self._directory = directory
        self._options = AuditLogOptions(
            fsync=fsync,
            fsync_interval=RETRY,
            retry_interval=RETRY,
            checkpoint_records=5,
            segment_max_bytes=6000,
        )

    async def open(self) -> None:
        self.log = await JsonlAuditLog.open(
            self._directory, WRITER, signer=SIGNER, clock=ManualClock(), options=self._options
        )

    async def close(self) -> None:
        free_space(None)
        with suppress(AuditUnavailableError):
            await self.log.close()

    async def run(self, step: str) -> None:
        kind, _, free = step.partition("full")
        match kind:
            case "append":
                name = len(self.calls)
                written = self.log.append(numbered(name))
                self.calls.append(asyncio.get_running_loop().create_task(accepted(f"r-{name}", written)))
            case "turn":
                await asyncio.sleep(0)
            case "disk ":
                free_space(segments(self._directory)[-1].stat().st_size + int(free or 0))
            case "space again":
                free_space(None)
            case "probe":
                self.log.probe()
            case "busy":
                be_busy(2 * RETRY)
            case "retry":
                await asyncio.sleep(2 * RETRY)
            case _:
                await self.close()
                await self.open()


def free_space(at: int | None) -> None:
    """Let no file grow beyond this size, as a full disk does; None lets every file grow again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if at is None else at, hard))


def be_busy(seconds: float) -> None:
    """Keep the event loop from turning, so that its timers are late and come ahead of what is queued."""
    time.sleep(seconds)


async def accepted(name: str, written: Awaitable[None]) -> str | None:
    try:
        await written
    except AuditUnavailableError:
        return None
    return name


async def run(directory: Path, fsync: Fsync, steps: list[str]) -> None:
    bench = Bench(directory, fsync)
    await bench.open()
    try:
        for step in steps:
            await bench.run(step)
        free_space(None)
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*bench.calls)
        assert bench.log.probe() is None
        recorded = requests(await read_all(bench.log))
    finally:
        await bench.close()
    assert verify(directory).faults == ()
    assert [name for name in recorded if name in answers] == [name for name in answers if name]
    assert len(recorded) == len(set(recorded))


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop])
@given(steps=st.lists(STEPS, max_size=40), fsync=st.sampled_from(Fsync))
@example(steps=PROBED_BEFORE_THE_RETRY, fsync=Fsync.INTERVAL)
@examples(100)
def test_chain_is_whole_and_every_caller_is_answered(new_loop, steps: list[str], fsync: Fsync):
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run(Path(directory), fsync, steps))
