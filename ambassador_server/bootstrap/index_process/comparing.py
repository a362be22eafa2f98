"""Compares the index with the logs all the time, with little processor time."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ambassador_server.audit_log.segmented_log import JsonlSegments
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.index_process.messages import Compared
from ambassador_server.bootstrap.index_process.pace import Pace
from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.index_comparison import IndexComparison

_PASS_SECONDS = 3600.0
"""The logs are compared from the beginning this often, or without a rest if it takes longer."""
_LOOK_SECONDS = 5.0
"""Segments that differ are compared again this often, so that a repair is noticed soon."""
_PAUSE_FACTOR, _BUSY_PAUSE_FACTOR = 19.0, 99.0
"""The comparison pauses this many times as long as it has worked: it takes 5 % of a core, or 1 % beside calls."""
_LONGEST_PAUSE = 60.0


class Comparing:
    """Compares one log after the other, and reports each result."""

    def __init__(
        self,
        *,
        store: Store,
        audit_directory: Path,
        writers: Sequence[str],
        is_shared: bool,
        pace: Pace,
        report: Callable[[Compared], None],
    ) -> None:
        self._pace = pace
        self._report = report
        self._differing: set[str] = set()
        self._failed: set[str] = set()
        self._comparisons = [
            IndexComparison(
                store=store,
                log=JsonlSegments(audit_directory, writer),
                clock=SystemClock(),
                prunes_of=None if is_shared else writers,
                pause=self._pause,
            )
            for writer in writers
        ]

    async def run(self) -> None:
        """Compare until cancelled; what fails is reported and tried again."""
        began = time.monotonic()
        await self._compare_all()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if time.monotonic() - began > _PASS_SECONDS:
                began = time.monotonic()
                await self._compare_all()
            else:
                await self._compare_differing()

    async def _compare_all(self) -> None:
        for each in self._comparisons:
            await self._compare(each, None)

    async def _compare_differing(self) -> None:
        for each in self._comparisons:
            if each.writer in self._failed:
                await self._compare(each, None)
            elif each.writer in self._differing:
                await self._compare(each, each.differing)

    async def _compare(self, comparison: IndexComparison, only: set[int] | None) -> None:
        writer = comparison.writer

        def tell(found: IndexDifference) -> None:
            self._report(Compared(writer=writer, found=found, is_complete=False))

        try:
            found = await comparison.run(only=only, tell=tell)
        except Exception as error:  # an altered row may cause any error, and the copying must go on
            failure = f"{type(error).__name__}: {error}"
            self._failed.add(writer)
            self._report(Compared(writer=writer, found=None, is_complete=False, failure=failure))
        else:
            self._failed.discard(writer)
            (self._differing.discard if found is None else self._differing.add)(writer)
            self._report(Compared(writer=writer, found=found, is_complete=True))

    async def _pause(self, worked: float) -> None:
        factor = _PAUSE_FACTOR if self._pace.full_speed else _BUSY_PAUSE_FACTOR
        await asyncio.sleep(min(worked * factor, _LONGEST_PAUSE))
