"""Keeps the process that copies the log running, and copies in this process where there is none."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from ambassador_protocol.backoff import Backoff
from ambassador_server.bootstrap.index_process.messages import (
    Alive,
    Compared,
    Done,
    Failed,
    Progress,
    Report,
    Round,
)
from ambassador_server.bootstrap.index_process.process import IndexProcess
from ambassador_server.bootstrap.index_process.rounds import Rounds
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.index_comparison import KnownDifferences
from ambassador_server.services.audit.log_indexing import (
    LONGEST_WAIT,
    IndexState,
    InServerIndexer,
    Runner,
    ends_of,
)

_log = structlog.get_logger("audit index")
_PAUSES = Backoff(0.5, 60.0)
_SILENT_SECONDS = 10.0
"""A process that does not answer a message for this long is killed and started again."""
_STARTS_WITHIN_SECONDS = 30.0
_STEADY_SECONDS = 60.0
"""A process that ran for this long counts as a success: the next failure is the first again."""
_LONGEST_REST = 1.0
"""The process looks at the index this often even when the logs do not grow: a command may have emptied it."""
_BUSY_LINES_PER_SECOND = 100


class SupervisedIndexer:
    """Implements `services.audit.log_indexing.AuditIndexer`.

    Before `start`, after `close`, and while there is no process, this process copies.
    """

    def __init__(
        self,
        *,
        url: str,
        audit_directory: Path,
        store: Store,
        logs: Sequence[AuditLogReader],
        clock: Clock,
        pauses: Backoff = _PAUSES,
        silent_seconds: float = _SILENT_SECONDS,
    ) -> None:
        self._url = url
        self._audit_directory = audit_directory
        self._logs = logs
        self._clock = clock
        self._pauses = pauses
        self._silent_seconds = silent_seconds
        self._in_server = InServerIndexer(store=store, logs=logs, clock=clock)
        self.differences = KnownDifferences()
        self._rounds = Rounds(self._in_server.progress, clock)
        self._process: IndexProcess | None = None
        self._is_up = asyncio.Event()
        self._copying = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._restarts = 0
        self._heard_at = 0.0
        self._asked_at = 0.0
        self._asked_bounds: list[tuple[int, int] | None] = []
        self._last_end: tuple[float, int] = (0.0, 0)

    @property
    def pid(self) -> int | None:
        """Return the number of the process, None if there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, and start it again whenever it ends."""
        self._task = asyncio.create_task(self._supervise(), name="audit index process")

    async def close(self) -> None:
        """End the process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def follow(self) -> None:
        """Have new records copied."""
        if not self._is_up.is_set():
            if self._task is None or self._failure is not None:
                async with self._copying:
                    await self._in_server.follow()
            return
        self._end_if_silent()
        await self._copied_here()
        ends = await ends_of(self._logs, now=False)
        bounds = [None if end is None else (end.segment, end.offset) for end in ends.values()]
        if bounds != self._asked_bounds or self._clock.monotonic() - self._asked_at > _LONGEST_REST:
            self._asked_bounds, self._asked_at = bounds, self._clock.monotonic()
            self._ask(ends, hurries=not self._is_busy(ends))

    async def reach_end(self, seconds: float | None = LONGEST_WAIT) -> bool:
        """Have all new records copied at full speed, and wait for that."""
        try:
            async with asyncio.timeout(seconds):
                while not await self._reach_end():
                    pass
        except TimeoutError:
            return False
        return True

    async def state(self) -> IndexState:
        """Return how far the index is, and which process copies."""
        if not self._is_up.is_set():
            state = await self._in_server.state()
            return replace(state, restarts=self._restarts, failure=self._failure)
        state = self._rounds.progress.state(await ends_of(self._logs, now=False))
        failure = self._failure or self._rounds.failure
        return replace(state, runner=Runner.PROCESS, restarts=self._restarts, failure=failure)

    async def _reach_end(self) -> bool:
        """Return False if the process started or ended meanwhile."""
        if not self._is_up.is_set():
            async with self._copying:
                return await self._in_server.reach_end()
        await self._copied_here()
        # Lines may wait for the disk, which can take longer than the caller has time.
        ends = await ends_of(self._logs, now=True)
        if not self._is_up.is_set():
            return False
        return await self._rounds.done(self._ask(ends, hurries=True))

    async def _copied_here(self) -> None:
        """Wait until this process copies no more: the log must not seem to end before what is in the index."""
        async with self._copying:
            pass

    def _ask(self, ends: dict[str, LogPosition | None], *, hurries: bool) -> int:
        number = self._rounds.begin(ends)
        if self._process is not None:
            self._process.send(Round(number=number, ends=ends, hurries=hurries))
        return number

    def _is_busy(self, ends: dict[str, LogPosition | None]) -> bool:
        """Tell whether the logs grow quickly: then the server has little processor time to spare."""
        now, lines = self._clock.monotonic(), sum(end.seq for end in ends.values() if end is not None)
        (before, lines_before), self._last_end = self._last_end, (now, lines)
        return lines - lines_before > _BUSY_LINES_PER_SECOND * (now - before)

    def _end_if_silent(self) -> None:
        asked_at = self._rounds.waiting_since
        if asked_at is None or self._process is None:
            return
        silent = self._clock.monotonic() - max(self._heard_at, asked_at)
        if silent > self._silent_seconds:
            self._failure = f"The process did not answer for {silent:.0f} seconds and was ended."
            self._process.kill()

    async def _supervise(self) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await self._run_once()
            except AmbassadorError as error:
                self._failure = error.message
            failures = 1 if self._clock.monotonic() - began > _STEADY_SECONDS else failures + 1
            pause = self._pauses.after(failures)
            _log.warning(
                "the process of the audit index ended; the server copies the log itself meanwhile",
                error=self._failure,
                starts_again_in_seconds=round(pause, 1),
            )
            await asyncio.sleep(pause)
            self._restarts += 1

    async def _run_once(self) -> None:
        writers = tuple(log.writer for log in self._logs)
        process = await IndexProcess.start(self._url, self._audit_directory, writers, self._receive)
        self._process, self._heard_at = process, self._clock.monotonic()
        late = asyncio.get_running_loop().call_later(_STARTS_WITHIN_SECONDS, self._give_up_start, process)
        try:
            status = await process.run()
            if self._failure is None:
                self._failure = f"The process ended with status {status}."
        finally:
            late.cancel()
            self._is_up.clear()
            self._process = None
            self._rounds.abandon()
            await asyncio.shield(process.close())

    def _give_up_start(self, process: IndexProcess) -> None:
        if not self._is_up.is_set():
            self._failure = f"The process was not ready within {_STARTS_WITHIN_SECONDS:.0f} seconds."
            process.kill()

    def _receive(self, report: Report) -> None:
        self._heard_at = self._clock.monotonic()
        match report:
            case Failed(why=why):
                self._failure = why
                return
            case Progress(writer=writer, seq=seq, at=at):
                self._rounds.progress.note(writer, seq, at)
            case Done(number=number, failure=failure):
                self._rounds.end(number, failure)
            case Compared(writer=writer, failure=str(why)):
                self.differences.note_failure(writer, why)
            case Compared(writer=writer, found=found, is_complete=is_complete):
                self.differences.note(writer, found, is_complete=is_complete)
            case Alive():
                pass
        if not self._is_up.is_set():
            self._failure = None
            self._is_up.set()
