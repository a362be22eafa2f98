"""Runs jobs periodically while the server serves; a job that fails is logged and runs again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

_log = structlog.get_logger("jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its name, the seconds between two runs, and the function to run."""

    name: str
    every: float
    run: Callable[[], Awaitable[object]]


@asynccontextmanager
async def run_periodically(jobs: Sequence[Job]) -> AsyncIterator[None]:
    """Run the jobs while the block runs."""
    tasks = [asyncio.create_task(_repeat(job), name=job.name) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(job: Job) -> None:
    failing = False
    while True:
        try:
            await job.run()
            failing = False
        except Exception as error:  # a supervisor: the job must run again after any error
            if not failing:
                _log.warning("job fails", job=job.name, error=f"{type(error).__name__}: {error}")
            failing = True
        await asyncio.sleep(job.every)
