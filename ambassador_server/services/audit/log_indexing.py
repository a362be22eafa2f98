"""Keeps the index up to date with the logs, and says how far it is."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.copying import Copied, LogCopier

LONGEST_WAIT = 1.0
"""The number of seconds that a query waits for the index at most."""

_PAUSE_FACTOR = 24.0
"""The copy in the background pauses this many times as long as it has worked, so that calls are not slowed down."""


class Runner(StrEnum):
    """Which process copies the logs."""

    PROCESS = "process"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How far the index is: the records and seconds that it is behind, and the time of its last record.

    `behind_records` counts lines of the log, among them a few that are no records. `restarts` counts how often the
    process had to be started again, and `failure` is what hinders it now.
    """

    behind_records: int
    behind_seconds: float
    indexed_until: datetime | None
    runner: Runner = Runner.SERVER
    restarts: int = 0
    failure: str | None = None


class AuditIndexer(Protocol):
    """Copies the logs of this server into the index."""

    async def reach_end(self, seconds: float | None = LONGEST_WAIT) -> bool:
        """Return when every record that is committed now is in the index; False after so many seconds.

        Raises AuditUnavailableError or StorageError if the records cannot be copied.
        """
        ...

    async def state(self) -> IndexState:
        """Return how far the index is."""
        ...


class IndexProgress:
    """How far each log has been copied, beside its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seqs: dict[str, int] = {}
        self._covered: dict[str, LogPosition | None] = {}
        self._complete_at: float | None = None
        self._behind_since: float | None = None
        self._until: datetime | None = None

    def note(self, writer: str, seq: int, at: datetime | None) -> None:
        """Take note of the last copied record of a writer."""
        self._seqs[writer] = seq
        self._until = at or self._until

    def cover(self, ends: Mapping[str, LogPosition | None], asked_at: float) -> None:
        """Take note that everything before these ends has been copied, which were the ends at that moment."""
        self._covered.update(ends)
        self._complete_at = asked_at

    def state(self, ends: Mapping[str, LogPosition | None]) -> IndexState:
        """Return the state beside the current ends of the logs."""
        behind = sum(self._behind(writer, end) for writer, end in ends.items() if end is not None)
        now = self._clock.monotonic()
        if not behind:
            self._behind_since = None
        elif self._behind_since is None or (self._complete_at or 0.0) > self._behind_since:
            self._behind_since = now if self._complete_at is None else self._complete_at
        return IndexState(
            behind_records=behind,
            behind_seconds=0.0 if self._behind_since is None else now - self._behind_since,
            indexed_until=self._until,
        )

    def _behind(self, writer: str, end: LogPosition) -> int:
        covered = self._covered.get(writer)
        if covered is not None and (covered.segment, covered.offset) >= (end.segment, end.offset):
            return 0
        return max(1, end.seq - self._seqs.get(writer, 0))


async def ends_of(logs: Sequence[AuditLogReader], *, now: bool) -> dict[str, LogPosition | None]:
    """Return the end of every log by its writer."""
    return {log.writer: await log.end(now=now) for log in logs}


class InServerIndexer:
    """Copies the logs in this process: for commands, and where the server cannot start a process for it."""

    def __init__(self, *, store: Store, logs: Sequence[AuditLogReader], clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._copiers = [LogCopier(store=store, log=log, clock=clock) for log in logs]
        self.progress = IndexProgress(clock)

    async def follow(self) -> None:
        """Copy new records for a moment, with a pause after each batch."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                await self._copy_all(_PAUSE_FACTOR)

    async def reach_end(self, seconds: float | None = LONGEST_WAIT) -> bool:
        """Copy all new records without a pause; False if there was not enough time."""
        try:
            async with asyncio.timeout(seconds):
                await self._copy_all(0.0)
        except TimeoutError:
            return False
        return True

    async def state(self) -> IndexState:
        """Return how far the index is."""
        return self.progress.state(await ends_of(self._logs, now=False))

    async def _copy_all(self, pause_factor: float) -> None:
        asked_at, ends = self._clock.monotonic(), await ends_of(self._logs, now=True)
        for copier in self._copiers:
            complete = False
            while not complete:
                began = self._clock.monotonic()
                copied: Copied = await copier.copy()
                self.progress.note(copier.log.writer, copied.seq, copied.at)
                complete = copied.complete
                await asyncio.sleep((self._clock.monotonic() - began) * pause_factor)
        self.progress.cover(ends, asked_at)
