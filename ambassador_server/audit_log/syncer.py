"""Forces written lines to the disk in its own thread, as the fsync policy says."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ambassador_server.audit_log.options import Fsync
from ambassador_server.audit_log.segment import Segment
from ambassador_server.audit_log.write_batch import WriteBatch
from ambassador_server.audit_log.writer_directory import WriterDirectory


class Syncer:
    """Runs one sync at a time; lines written meanwhile are covered by the next.

    Files are closed in the same thread, so none is closed, and its descriptor reused, under a running sync.
    """

    def __init__(
        self,
        policy: Fsync,
        interval: float,
        directory: WriterDirectory,
        segment: Segment,
        on_failure: Callable[[OSError], None],
    ) -> None:
        self._policy = policy
        self._interval = interval
        self._directory = directory
        self._segment = segment
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit-log")
        self._retired: list[Segment] = []
        self._waiting: list[WriteBatch] = []
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._rounds: asyncio.Task[None] | None = None
        self._synced = self._written

    def change_to(self, segment: Segment) -> None:
        """Sync this segment from now on; the previous one is synced once more and closed."""
        self._retired.append(self._segment)
        self._segment = segment
        self._start()

    def wrote(self, batch: WriteBatch) -> None:
        """Settle a batch that the operating system has: at once, or under `always` after the next sync."""
        if self._policy is Fsync.ALWAYS:
            self._waiting.append(batch)
            self._start()
            return
        batch.settle(None)
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval, self._start)

    @property
    def durable(self) -> tuple[int, int]:
        """Return the segment and offset up to which lines are safe from a power cut, as far as the policy promises."""
        return self._written if self._policy is Fsync.NEVER else self._synced

    async def catch_up(self) -> None:
        """Return when all lines written so far are durable; raises AuditUnavailableError when the sync failed."""
        if self.durable == self._written:
            return
        batch = WriteBatch(self._loop)
        self._waiting.append(batch)
        self._start()
        await batch

    async def close(self) -> OSError | None:
        """Sync under every policy, close every file, and return the error if one occurred."""
        self._cancel_timer()
        if self._rounds is not None:
            await self._rounds
        failure = await self._loop.run_in_executor(self._thread, self._close_files)
        self._thread.shutdown(wait=False)
        return failure

    @property
    def _written(self) -> tuple[int, int]:
        return self._segment.number, self._segment.size

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._cancel_timer()
        self._due = True
        if self._rounds is None:
            self._rounds = self._loop.create_task(self._run_rounds())

    async def _run_rounds(self) -> None:
        try:
            while self._due:
                self._due = False
                await self._run_round()
        finally:
            self._rounds = None

    async def _run_round(self) -> None:
        covered, self._waiting = self._waiting, []
        retired, self._retired = self._retired, []
        segment, mark = self._segment, self._written
        failure = await self._loop.run_in_executor(self._thread, self._sync_files, retired, segment)
        if failure is None:
            self._synced = mark
        elif segment is self._segment:
            # After a failed fsync the next one may succeed although the pages were dropped, so the file is given up.
            segment.distrusted = True
            covered += self._waiting
            self._waiting = []
            self._on_failure(failure)
        for batch in covered:
            batch.settle(None if failure is None else f"the audit log cannot be synced: {failure}")

    def _sync_files(self, retired: list[Segment], segment: Segment) -> OSError | None:
        failure: OSError | None = None
        for old in retired:
            failure = self._sync_file(old) or failure
            old.close()
        try:
            if retired and self._policy is not Fsync.NEVER:
                self._directory.sync()
            segment.check_in_place()
        except OSError as error:
            failure = error
        return self._sync_file(segment) or failure

    def _sync_file(self, segment: Segment) -> OSError | None:
        if self._policy is Fsync.NEVER or segment.distrusted:
            return None
        try:
            segment.sync()
        except OSError as error:
            return error
        return None

    def _close_files(self) -> OSError | None:
        failure: OSError | None = None
        for segment in (*self._retired, self._segment):
            try:
                segment.sync()
            except OSError as error:
                failure = error
            segment.close()
        if failure is None:
            self._synced = self._written
        return failure
