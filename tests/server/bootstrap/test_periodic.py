"""Periodic jobs run beside each other, and one that fails runs again."""

import asyncio

import pytest

from ambassador_server.bootstrap.periodic import Job, run_periodically
from tests.patience import PATIENCE


async def test_a_job_that_fails_runs_again_and_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    runs, enough = 0, asyncio.Event()

    async def failing() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            enough.set()
        raise ValueError("the disk is full")

    async with run_periodically([Job("broken", 0.0, failing)]):
        await asyncio.wait_for(enough.wait(), PATIENCE)
    assert capsys.readouterr().out.count("the disk is full") == 1


async def test_failing_job_does_not_stop_the_others() -> None:
    done = asyncio.Event()

    async def failing() -> None:
        raise ValueError

    async def working() -> None:
        done.set()

    async with run_periodically([Job("broken", 0.0, failing), Job("working", 3600.0, working)]):
        await asyncio.wait_for(done.wait(), PATIENCE)


async def test_jobs_stop_at_the_end_of_the_block() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with run_periodically([Job("endless", 1.0, endless)]):
        await asyncio.wait_for(started.wait(), PATIENCE)
    assert cancelled.is_set()
